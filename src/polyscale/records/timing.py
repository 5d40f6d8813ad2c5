"""Where the time of a run goes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from polyscale.records.codec import Count, NotNegative, Record

FEATURES_STAGE = "features"
"""The stage in which the models run."""

MIN_TILES = 100
"""So many must run before their mean time counts: the first ones take longer."""


@dataclass(frozen=True, kw_only=True)
class Timing(Record):
    """Seconds of a run.

    Attributes:
        wall_s: from beginning to end.
        model_s: time in which a model ran over images.
        num_tiles: tiles that it saw; features from the cache need none.
        stages: name → seconds, without those of stages inside it.
    """

    wall_s: NotNegative
    model_s: NotNegative
    num_tiles: Count
    stages: Mapping[str, NotNegative] = field(default_factory=dict)

    @property
    def busy_share(self) -> float | None:
        """Share of the time for features in which a model ran; None if no model ran."""
        stage_s = self.stages.get(FEATURES_STAGE)
        return self.model_s / stage_s if self.num_tiles and stage_s else None

    def tile_s(self, since: "Timing") -> float | None:
        """Seconds in which a tile ran since an earlier time; None if too few ran to tell."""
        num_tiles = self.num_tiles - since.num_tiles
        return (self.model_s - since.model_s) / num_tiles if num_tiles >= MIN_TILES else None

    def to_dict(self) -> dict[str, Any]:
        """The times and the share, for JSON."""
        return {**super().to_dict(), "busy_share": self.busy_share}


class Watch:
    """Adds up seconds while a study runs."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}
        self._inner_s = 0.0  # of stages inside the current one
        self._model_s = 0.0
        self._num_tiles = 0
        self._lock = Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside for a stage."""
        start, outer_s = time.perf_counter(), self._inner_s
        self._inner_s = 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._stages[name] = self._stages.get(name, 0.0) + spent - self._inner_s
            self._inner_s = outer_s + spent

    @contextmanager
    def model(self, num_tiles: int, at_once: int = 1) -> Iterator[None]:
        """Count the time inside, in which a model must run to its end.

        Args:
            num_tiles: that it sees.
            at_once: threads in which models run meanwhile; each counts for its share.
        """
        start = time.perf_counter()
        yield
        spent = time.perf_counter() - start
        with self._lock:
            self._model_s += spent / at_once
            self._num_tiles += num_tiles

    def timing(self) -> Timing:
        """The seconds up to now."""
        return Timing(
            wall_s=time.perf_counter() - self._start,
            model_s=self._model_s,
            num_tiles=self._num_tiles,
            stages=dict(self._stages),
        )
