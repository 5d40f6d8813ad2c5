"""Multi-scale maps of all candidates of a backbone, for both splits."""

from collections.abc import Sequence
from dataclasses import dataclass

from polyscale.multiscale import MultiScale
from polyscale.records import FEATURES_STAGE
from polyscale.store import (
    FeatureStore,
    JoinedMaps,
    MapSource,
    RegriddedMaps,
    SummedMaps,
)
from polyscale.studies.dense.plan import DensePlan
from polyscale.studies.dense.samples import Samples
from polyscale.studies.extract import extract_maps
from polyscale.studies.failures import Failures
from polyscale.studies.planned import for_each
from polyscale.studies.progress import Progress
from polyscale.studies.timing import Watch
from polyscale.types import HW, Backbone, Candidate

ByScale = dict[float, MapSource]


@dataclass(frozen=True)
class DenseFeatures:
    """Of one backbone at some scales.

    Attributes:
        train: scale → maps of the training samples.
        test: scale → maps of the test samples.
    """

    train: ByScale
    test: ByScale


def join(maps: ByScale, module: MultiScale, *, memory_bytes: int = 0) -> JoinedMaps:
    """The maps of a candidate's scales put together as it does, on its output grid."""
    grid_hw = module.plan.grid_hw
    chosen = [_on_grid(maps[scale], grid_hw) for scale in module.scales]
    if module.config.merge != "concat":
        chosen = [SummedMaps(chosen, mean=module.config.merge == "mean")]
    return JoinedMaps(chosen, memory_bytes=memory_bytes)


def _on_grid(maps: MapSource, grid_hw: HW) -> MapSource:
    return maps if maps.shape[1:3] == grid_hw else RegriddedMaps(maps, grid_hw)


@dataclass(frozen=True)
class MapExtractor:
    """What extraction needs besides a model.

    Attributes:
        train: views of the training images whose maps are wanted.
        test: views of the test images.
    """

    plan: DensePlan
    train: Samples
    test: Samples
    store: FeatureStore
    watch: Watch
    progress: Progress

    def candidates(
        self, backbone: Backbone, members: Sequence[Candidate], failures: Failures
    ) -> dict[Candidate, DenseFeatures]:
        """Maps for each candidate of a backbone, each scale once."""

        def extract(scales: Sequence[float]) -> DenseFeatures:
            with self.watch.stage(FEATURES_STAGE):
                return DenseFeatures(
                    self._split(backbone, scales, self.train, "train"),
                    self._split(backbone, scales, self.test, "test"),
                )

        return for_each(members, extract, failures)

    def _split(
        self, backbone: Backbone, scales: Sequence[float], samples: Samples, split: str
    ) -> ByScale:
        settings = self.plan.settings
        # on its own grid, each scale stands alone; on a common one, images are decoded once
        groups = [(s,) for s in scales] if settings.grid == "largest" else [tuple(scales)]
        found: ByScale = {}
        for group in groups:
            maps = extract_maps(
                settings.module(backbone, group, merge="concat"),
                samples,
                store=self.store,
                weights=self.plan.weights(backbone.name),
                step=f"{backbone.name}{_of(group, scales)}: {split} images",
                progress=self.progress,
                watch=self.watch,
            )
            found |= maps
        return found


def _of(group: Sequence[float], scales: Sequence[float]) -> str:
    return f", scale {group[0]:g}" if len(group) < len(scales) else ""
