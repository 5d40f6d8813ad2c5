"""Pooled features of all candidates of a backbone, for both splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.heads import Feature, pooled_columns
from polyscale.multiscale import MultiScale
from polyscale.records import FEATURES_STAGE
from polyscale.store import FeatureStore
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.extract import extract_pooled
from polyscale.studies.failures import Failures
from polyscale.studies.planned import for_each
from polyscale.studies.progress import Progress
from polyscale.studies.timing import Watch
from polyscale.types import Backbone, Candidate

Rows = NDArray[np.float32]
ByScale = dict[float, Rows]


@dataclass(frozen=True)
class Features:
    """Of one backbone at some scales.

    Attributes:
        backbone: whose they are.
        train: scale → one row an image (num_train, pooled_dim).
        test: scale → one row an image (num_test, pooled_dim).
    """

    backbone: Backbone
    train: ByScale
    test: ByScale

    def columns(self, scales: Sequence[float], feature: Feature) -> tuple[Rows, Rows]:
        """What a probe sees: the rows of these scales side by side, for both splits."""
        chosen = pooled_columns(
            scales, dim=self.backbone.dim, has_cls=self.backbone.has_cls, feature=feature
        )
        train, test = (
            np.concatenate([split[scale] for scale in scales], axis=1)
            for split in (self.train, self.test)
        )
        if len(chosen) == train.shape[1]:
            return train, test
        return train[:, chosen], test[:, chosen]


@dataclass(frozen=True)
class Extractor:
    """What extraction needs besides a model."""

    plan: ComparePlan
    store: FeatureStore
    watch: Watch
    progress: Progress

    def __call__(self, module: MultiScale, *, weights: str, step: str = "") -> Features:
        """Features of every scale of the module.

        Args:
            module: backbone and scales.
            weights: `weights_hash` of the backbone.
            step: how progress calls it, besides the name and the split.
        """
        data, name = self.plan.data, f"{module.backbone.name}{step}"
        with self.watch.stage(FEATURES_STAGE):
            train, test = (
                extract_pooled(
                    module,
                    images,
                    store=self.store,
                    weights=weights,
                    step=f"{name}: {split} images",
                    progress=self.progress,
                    watch=self.watch,
                )
                for split, images in (("train", data.train), ("test", data.test))
            )
        return Features(module.backbone, train, test)

    def candidates(
        self, backbone: Backbone, members: Sequence[Candidate], failures: Failures
    ) -> dict[Candidate, Features]:
        """Features for each candidate of a backbone, each scale once."""
        settings, weights = self.plan.settings, self.plan.weights(backbone.name)

        def extract(scales: Sequence[float]) -> Features:
            return self(settings.module(backbone, scales), weights=weights)

        return for_each(members, extract, failures)
