"""Costs of all candidates, measured in turns: A B C A B C."""

from collections.abc import Mapping

from torch import nn

from polyscale.operator.cost import TURNS, Cost, Meter
from polyscale.studies.compare.failures import Failures
from polyscale.types import HW, Candidate, Progress, silent

STEP = "costs"


def measure_in_turns(
    modules: Mapping[Candidate, nn.Module],
    *,
    image_hw: HW,
    batch: int,
    device: str,
    failures: Failures,
    progress: Progress = silent,
) -> dict[Candidate, Cost]:
    """The cost of every candidate that does not fail meanwhile.

    Args:
        modules: the candidates: images → anything. A method `counted(image_hw)` gives the
            operations for one image; without it, they are those of a `MultiScale`.
        image_hw: size of the images that are timed, in pixels.
        batch: images at once for the throughput.
        device: where all of them run.
        failures: takes those that fail.
        progress: told after every turn.
    """
    total = (1 + TURNS) * len(modules)
    meters: dict[Candidate, Meter] = {}
    for done, (candidate, module) in enumerate(modules.items()):
        progress(STEP, done, total, "turns")
        with failures.of(candidate):
            module.to(device)
            count = getattr(module, "counted", None)
            counted = None if count is None else count(image_hw)
            meters[candidate] = Meter(module, counted=counted, image_hw=image_hw, batch=batch)
    for number in range(TURNS):
        for done, (candidate, meter) in enumerate(meters.items()):
            progress(STEP, (1 + number) * len(modules) + done, total, "turns")
            if candidate not in failures:
                with failures.of(candidate):
                    meter.turn(number)
    progress(STEP, total, total, "turns")
    for module in modules.values():
        module.to("cpu")
    return {c: meter.cost() for c, meter in meters.items() if c not in failures}
