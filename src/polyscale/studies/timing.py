"""Where the time of a study goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from polyscale.records import Timing


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
