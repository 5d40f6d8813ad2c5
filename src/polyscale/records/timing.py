"""Where the time of a run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

FEATURES = "features"
"""The stage in which the models run."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of a run.

    Attributes:
        wall_s: from its beginning to its end.
        model_s: in which a model ran over images.
        num_tiles: that it saw; features that were kept cost none.
        stages: name → seconds; a stage inside another counts for itself alone.
    """

    wall_s: float
    model_s: float
    num_tiles: int
    stages: dict[str, float]

    @property
    def busy_share(self) -> float | None:
        """Of the time for features, in which the model ran; None where it did not run."""
        return self.model_s / self.stages[FEATURES] if self.num_tiles else None

    def to_dict(self) -> dict[str, object]:
        """The times as JSON holds them."""
        return {**asdict(self), "busy_share": self.busy_share}


class Watch:
    """Adds up seconds while a study runs."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}
        self._inside_s = 0.0  # of stages inside the one that runs
        self._model_s = 0.0
        self._num_tiles = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs inside belongs to the stage."""
        start, outside_s = time.perf_counter(), self._inside_s
        self._inside_s = 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._stages[name] = self._stages.get(name, 0.0) + spent - self._inside_s
            self._inside_s = outside_s + spent

    @contextmanager
    def model(self, num_tiles: int) -> Iterator[None]:
        """A model runs inside, and its results are waited for."""
        start = time.perf_counter()
        yield
        self._model_s += time.perf_counter() - start
        self._num_tiles += num_tiles

    def timing(self) -> Timing:
        """What it shows now."""
        return Timing(
            wall_s=time.perf_counter() - self._start,
            model_s=self._model_s,
            num_tiles=self._num_tiles,
            stages=dict(self._stages),
        )
