"""Features of all candidates of a backbone, for both splits, each scale once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from polyscale.features import FeatureStore, StoreError, extract_maps, extract_pooled
from polyscale.operator.multiscale import MultiScale
from polyscale.records import FEATURES_STAGE, Watch
from polyscale.studies.compare.failures import Failures
from polyscale.tasks import RunSettings
from polyscale.types import Backbone, Candidate, Progress

ByScale = dict[float, Any]


@dataclass(frozen=True)
class Features:
    """Features of one backbone: scale → rows (num_images, pooled_dim) or maps, of both splits."""

    train: ByScale
    test: ByScale


@dataclass(frozen=True)
class Extractor:
    """What extraction needs besides a model.

    Attributes:
        settings: of the run.
        train: images of the training split, or views of them.
        test: those of the test split.
        store: where features are kept.
        watch: of the time in which models run.
        progress: told what is being done.
    """

    settings: RunSettings
    train: Any
    test: Any
    store: FeatureStore
    watch: Watch
    progress: Progress

    def candidates(
        self,
        backbone: Backbone,
        members: Sequence[Candidate],
        weights: str,
        failures: Failures,
        *,
        parallel: bool = False,
    ) -> dict[Candidate, Features]:
        """Features for each candidate of a backbone, each scale once.

        Where that fails, each candidate is tried on its own: a scale that breaks the model does not
        matter to those without it. What was computed meanwhile is kept.

        Args:
            backbone: a model.
            members: its candidates.
            weights: `weights_hash` of the backbone.
            failures: takes the candidates that fail.
            parallel: as `extract_pooled` has it.
        """

        def extract(scales: Sequence[float]) -> Features:
            modules = self.settings.extraction_modules(backbone, scales)
            return self(*modules, weights=weights, parallel=parallel)

        if not members:
            return {}
        try:
            scales = sorted({scale for candidate in members for scale in candidate.scales})
            return dict.fromkeys(members, extract(scales))
        except StoreError:
            raise
        except Exception:  # models are from outside and raise anything
            features = {}
            for candidate in members:
                with failures.of(candidate):
                    features[candidate] = extract(candidate.scales)
            return features

    def __call__(
        self, *modules: MultiScale, weights: str, name: str = "", parallel: bool = False
    ) -> Features:
        """Features of every scale of the modules, which are of one backbone.

        Args:
            modules: backbone and scales.
            weights: `weights_hash` of the backbone.
            name: how progress calls the model; empty for the name of the backbone.
            parallel: as `extract_pooled` has it.
        """
        extract = extract_pooled if self.settings.features == "pooled" else extract_maps
        splits: dict[str, ByScale] = {"train": {}, "test": {}}
        with self.watch.stage(FEATURES_STAGE):
            for (split, features), module in product(splits.items(), modules):
                scale = f", scale {module.scales[0]:g}" if len(modules) > 1 else ""
                features |= extract(
                    module,
                    getattr(self, split),
                    store=self.store,
                    weights=weights,
                    step=f"{name or module.backbone.name}{scale}: {split} images",
                    progress=self.progress,
                    watch=self.watch,
                    parallel=parallel,
                )
        return Features(**splits)
