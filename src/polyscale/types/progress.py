"""How long work tells what it is doing, without knowing about terminals."""

from typing import Protocol


class Progress(Protocol):
    """Called again and again while a step runs."""

    def __call__(self, step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        """`done` of `total` units of a step are finished.

        Args:
            step: what is being done; a new name begins a new step.
            done: units finished, whether just now or in an earlier run.
            total: units in all.
            unit: for example "tiles".
            note: what changes meanwhile, in a few words, for example "loss 0.31". Only training
                has one.
        """
        ...


def silent(step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
    """Progress that nobody watches."""
