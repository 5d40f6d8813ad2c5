"""How the time of a candidate was measured, and whether it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import median

from polyscale.records.codec import NotNegative, Positive, PositiveCount, Record
from polyscale.types.backbone import HW

MIN_CPU_SHARE = 0.9
MAX_SPREAD = 0.15
MAX_SLOWDOWN = 2.0

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
"""Where a quiet machine stays: by far, so that a small disturbance does not void a measurement."""


@dataclass(frozen=True, kw_only=True)
class Turns(Record):
    """The time of one image, measured in turns with the other candidates: A B C A B C.

    Attributes:
        session: name of the measurement; only candidates of one session took turns.
        image_hw: size in pixels of the image that was timed.
        batch: images at once for the throughput.
        latency_ms: median time of one image in each turn.
        threads: CPU threads with which it was measured, the faster of one and all; None if the
            model does not run on the CPU.
        one_thread_ms: median time with one CPU thread; `all_threads_ms` is that with all of them.
        cpu_share: share of the time on one thread in which a processor core worked for it, which is
            1 if no other program wants that core.
        tile_ms: median time of a tile that need be neither cut nor resized.
        slowdown: `tile_ms` over what a tile took while features were extracted; None if they were
            kept.
    """

    session: str
    image_hw: HW
    batch: PositiveCount
    latency_ms: tuple[Positive, ...]
    threads: PositiveCount | None = None
    one_thread_ms: Positive | None = None
    all_threads_ms: Positive | None = None
    cpu_share: NotNegative | None = None
    tile_ms: Positive | None = None
    slowdown: Positive | None = None

    @property
    def spread(self) -> float:
        """How far the time of a turn is from the median of all, as a rule: 0.1 is about 10 %."""
        return spread(self.latency_ms)

    @property
    def is_disturbed(self) -> bool:
        """Whether other work on the machine makes these times unfit for a conclusion."""
        return (
            (self.cpu_share is not None and self.cpu_share < MIN_CPU_SHARE)
            or self.spread > MAX_SPREAD
            or (self.slowdown or 0) > MAX_SLOWDOWN
        )


def spread(times: Sequence[float]) -> float:
    """Median distance of the logarithms from their median, as a standard deviation.

    A single turn that was disturbed does not count: neither does it move the median time.
    """
    logs = [log(time) for time in times]
    middle = median(logs)
    return MAD_TO_SIGMA * median(abs(each - middle) for each in logs)
