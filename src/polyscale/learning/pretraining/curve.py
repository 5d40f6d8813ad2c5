"""The losses of a training for TensorBoard, in one file, however often it was interrupted.

TensorBoard reads the files of a folder in the order of their names, which begin with the second in
which a file was made. Two files of the same second, or of machines whose clocks differ, may be read
in the wrong order, and TensorBoard then drops the later losses. The last losses of a killed process
may also be missing. A training that continues therefore writes all losses again, with their
original times where these are known.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TAG = "loss"

FILES = "events.out.tfevents.*"
"""Names of TensorBoard's files."""


@contextmanager
def loss_curve(
    folder: Path, *, writes: bool = True
) -> Iterator[Callable[[int, Sequence[float]], None]]:
    """Give a function that writes losses: it takes the number of a step, and the losses from there.

    The first call replaces everything in the folder, so it must be given the losses of all steps so
    far, as `TrainContext.watch` is.

    Args:
        folder: where TensorBoard looks for files.
        writes: whether this process writes; one of several processes should.
    """
    writers: list[Any] = []

    def watch(first: int, losses: Sequence[float]) -> None:
        if not writes:
            return
        if not writers:
            writers.append(_rewritten(folder, losses))
            return
        for step, loss in enumerate(losses, first):
            writers[0].add_scalar(TAG, loss, step)

    try:
        yield watch
    finally:
        for writer in writers:
            writer.close()


def _rewritten(folder: Path, losses: Sequence[float]) -> Any:
    """Replace all files by one that holds these losses, from step 0 on; returns its writer."""
    from torch.utils.tensorboard import SummaryWriter

    old = sorted(folder.glob(FILES))
    times = {step: time for file in old for step, time in _times(file).items()}
    writer = SummaryWriter(str(folder))
    for step, loss in enumerate(losses):
        writer.add_scalar(TAG, loss, step, walltime=times.get(step))
    writer.flush()
    for file in old:
        file.unlink(missing_ok=True)
    return writer


def _times(file: Path) -> dict[int, float]:
    """Step → when its loss was written; the last record of a file may be cut off."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
    known = events.Scalars(TAG) if TAG in events.Tags()["scalars"] else ()
    return {event.step: event.wall_time for event in known}
