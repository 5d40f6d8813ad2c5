"""Capacity: how much of the training images a linear layer learns from features (paper, 4.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from polyscale.data import ClassificationData, load_classification
from polyscale.errors import InputError
from polyscale.learning.heads.budget import FIRST_RATE, RATES, Budget, BudgetFit, lowest_loss
from polyscale.learning.training import TrainContext, read_tensors, write_tensors
from polyscale.operator.backbones.memory import free_bytes
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Capacity as CapacityRecord
from polyscale.records import CapacityLoss, FittedLayer, Metric, write_json
from polyscale.tasks.evaluation import Baseline, Case, Evaluation, FinishedRun, Scores
from polyscale.tasks.groups import ImageGroups, by_class
from polyscale.tasks.options import option
from polyscale.tasks.pooled import PooledTask, pooled_evaluation
from polyscale.tasks.settings import FeatureSettings
from polyscale.tasks.task import CLASS_SOURCES, AddOn
from polyscale.types import Candidate

LOSSES: tuple[CapacityLoss, ...] = get_args(CapacityLoss)

KEY = "polyscale_capacity"
WHAT = "a trained layer"

BYTES_PER_WEIGHT = 16
"""A weight of float32, its gradient and the two moments of Adam."""


@dataclass(frozen=True, kw_only=True)
class CapacitySettings(FeatureSettings):
    """What the capacity of models depends on besides the data and the candidates."""

    epochs: int = option(
        10, name="layer-epochs", help="Passes over the images in each training of a layer."
    )
    batch: int = option(256, name="layer-batch", help="Images of a step of such a training.")
    learning_rate: float | None = option(
        None,
        value_type=float,
        shown="the best for each candidate",
        help="One learning rate for all layers, times the number of features, so that a step moves "
        "scores of wide and narrow features equally. Without it, each layer is trained at several, "
        "from 10 on, until lower and higher ones end at a higher loss; the lowest loss counts.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.budget.training(self.batch, self.any_rate, dim=1)

    @property
    def any_rate(self) -> float:
        """One that a layer is trained with."""
        return RATES[FIRST_RATE] if self.learning_rate is None else self.learning_rate

    @property
    def budget(self) -> Budget:
        """Of each training."""
        return Budget(epochs=self.epochs, batch=self.batch, learning_rate=self.learning_rate)


class Capacity(PooledTask):
    """A linear layer on frozen features learns the training images, and is judged by them.

    Two losses: each image is its own class (memorisation), and the true classes. Lower is better.
    A wider feature has a larger layer, so that every candidate of several scales also has controls
    whose features are as wide as those of one scale.
    """

    name = "capacity"
    sources = CLASS_SOURCES
    loader = staticmethod(load_classification)
    data_type = ClassificationData
    metric = Metric(
        key="memorisation",
        name="Memorisation loss",
        unit="nats",
        higher_is_better=False,
        noun="memorisation loss",
        about="cross-entropy where every image is its own class",
    )
    other_metrics = (
        Metric(
            key="training_loss",
            name="Training loss",
            unit="nats",
            higher_is_better=False,
            noun="training loss",
            about="cross-entropy of the true classes",
        ),
    )
    settings_type = CapacitySettings
    grouped_by = "class"
    about = "one linear layer, AdamW without weight decay, cosine, standardised pooled features"
    learns = False
    held_out = False
    samples = "training images"
    controls = ("mean", "equal_width")

    def arrange(self, data: ClassificationData) -> ClassificationData:
        """The training images alone: they are learned, and judged."""
        about = f"the training images are judged too; {data.about}"
        suspicious = tuple(each for each in data.report.suspicious if each.split == "train")
        report = replace(
            data.report, near_duplicates=(), suspect_pairs=(), suspicious=suspicious
        )  # without what it says of test images, which are not seen
        return replace(data, test=data.train, about=about, report=report)

    def targets(self, images: Any) -> NDArray[np.int64]:
        """Indices of classes."""
        return images.labels

    def text(self, target: Any, data: Any) -> str:
        """The name of a class, or the two losses of an image."""
        if np.ndim(target):
            return ", ".join(f"{loss:.3g} nats" for loss in target)
        return str(data.class_names[target])

    def groups(self, images: Any, data: ClassificationData) -> ImageGroups:
        """By class."""
        return by_class(images.labels, data.class_names)

    def check(self, module: MultiScale, candidate: Candidate, data: Any, settings: Any) -> None:
        """Raise an InputError for a layer that does not fit into memory, or too few images."""
        super().check(module, candidate, data, settings)
        settings.budget.training(len(data.train), settings.any_rate, module.pooled_dim)
        num_images = len(data.train)
        needed = num_images * (module.pooled_dim * BYTES_PER_WEIGHT + 8 * settings.batch)
        free = free_bytes(torch.device(settings.device))
        if needed > free:
            raise InputError(
                f"data must have so few images that a layer with a class for each fits into "
                f"memory, but {num_images} images and {module.pooled_dim} features of {candidate} "
                f"need {needed / 2**30:.1f} GiB where {free / 2**30:.1f} GiB are free. Take a "
                "sample with limit."
            )

    def score_images(self, predictions: NDArray, targets: NDArray) -> Mapping[str, NDArray]:
        """Losses of each image, in nats, from an array (num_images, 2)."""
        return dict(zip(LOSSES, predictions.T, strict=True))

    def evaluate(self, case: Case) -> Evaluation:
        """Train a layer for each loss; `head` is loss → `BudgetFit`."""
        labels = self.targets(case.data.train)
        fits: dict[CapacityLoss, BudgetFit] = {}
        for loss, targets in {LOSSES[0]: np.arange(len(labels)), LOSSES[1]: labels}.items():
            fits[loss] = _kept_fit(case, targets, loss)
        scores = self.score(np.stack([fits[loss].losses for loss in LOSSES], axis=1), labels)
        names = np.array(case.data.class_names)[labels]
        words = {"label": names, "prediction": names}
        facts = {
            "head": self.about,
            "learning_rates": {loss: fit.learning_rate for loss, fit in fits.items()},
        }
        return pooled_evaluation(
            case,
            replace(scores, columns={**words, **scores.columns}),
            selection=scores,
            head=fits,
            facts=facts,
        )

    def floors(self, data: ClassificationData, settings: Any) -> tuple[Baseline, ...]:
        """What a layer knows that sees nothing: how many images there are, and of which class."""
        labels = self.targets(data.train)
        scores = self.score(_chance(labels), labels)
        about = "A layer that sees nothing: every image is as likely, and classes are as frequent."
        return (Baseline(name="chance", about=about, scores=scores),)

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """Also the budget."""
        return {**super().facts(data, settings), "budget": _about(settings.budget)}

    def addons(self, settings: Any) -> tuple[AddOn, ...]:
        """Always the controls of equal width."""
        return ("controls", *super().addons(settings))

    def own_files(self) -> tuple[str, ...]:
        """Both losses."""
        return ("capacity.json",)

    def write(self, folder: Path, run: FinishedRun) -> None:
        """Both losses with their intervals, the layers, and every pair."""
        labels, settings = self.targets(run.data.train), run.settings
        scores = {
            loss: {
                name: self.judged_by(loss).score(
                    np.stack([evaluation.head[own].losses for own in LOSSES], axis=1), labels
                )
                for name, evaluation in run.evaluations.items()
            }
            for loss in LOSSES
        }
        record = CapacityRecord(
            num_images=len(labels),
            epochs=settings.epochs,
            batch=settings.batch,
            chance=dict(zip(LOSSES, _chance(labels).mean(axis=0).tolist(), strict=True)),
            layers=tuple(
                layer
                for loss, own in scores.items()
                for layer in self._layers(loss, own, run, len(labels))
            ),
            contrasts=tuple(
                contrast
                for loss, own in scores.items()
                for contrast in self.judged_by(loss).contrasts(
                    own, margin=settings.margin, seed=settings.seed
                )
            ),
        )
        write_json(folder / "capacity.json", record)

    def _layers(
        self, loss: CapacityLoss, scores: Mapping[str, Scores], run: FinishedRun, num_images: int
    ) -> list[FittedLayer]:
        intervals = self.judged_by(loss).intervals(scores, seed=run.settings.seed)
        num_classes = num_images if loss == LOSSES[0] else len(run.data.class_names)
        layers = []
        for name, evaluation in run.evaluations.items():
            fit: BudgetFit = evaluation.head[loss]
            layers.append(
                FittedLayer(
                    candidate=name,
                    loss=loss,
                    value=scores[name].value,
                    ci_low=intervals[name][0],
                    ci_high=intervals[name][1],
                    num_classes=num_classes,
                    feature_dim=evaluation.feature_dim,
                    params=(evaluation.feature_dim + 1) * num_classes,
                    learning_rate=fit.learning_rate,
                    tried={
                        f"{rate:g}": mean if np.isfinite(mean) else None
                        for rate, mean in fit.tried.items()
                    },
                )
            )
        return layers


def _about(budget: Budget) -> str:
    rate = budget.learning_rate
    rates = "the best learning rate for each" if rate is None else f"learning rate {rate:g}"
    return f"{budget.epochs} epochs, batch {budget.batch}, {rates}"


def _chance(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Both losses of each image where nothing is seen (num_images, 2)."""
    frequency = np.bincount(labels) / len(labels)
    return np.stack([np.full(len(labels), np.log(len(labels))), -np.log(frequency[labels])], axis=1)


def _digest(array: NDArray) -> str:
    return blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()


def _kept_fit(case: Case, targets: NDArray[np.int64], loss: CapacityLoss) -> BudgetFit:
    """The trained layer, from the folder of the features where an earlier run has left it."""
    settings: CapacitySettings = case.settings
    key = case.store.key(
        {
            "capacity": 1,
            "features": _digest(case.train),
            "targets": _digest(targets),
            "budget": vars(settings.budget),
            "seed": settings.seed,
            "device": settings.device,
        }
    )
    file = case.store.folder / key / "losses.safetensors"
    try:
        about, tensors, _ = read_tensors(file, KEY, what=WHAT)
        tried = {float(rate): mean for rate, mean in about["tried"].items()}
        return BudgetFit(tensors["losses"].numpy(), about["learning_rate"], tried)
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # absent, or damaged
        pass
    words = {"memorisation": "images by heart", "training_loss": "classes"}[loss]
    context = TrainContext(
        device=settings.device,
        progress=case.progress,
        step=f"{case.candidate}: {words}",
    )
    num_classes = int(targets.max()) + 1
    fit = lowest_loss(
        case.train, targets, num_classes, settings.budget, seed=settings.seed, context=context
    )
    about = {
        "learning_rate": fit.learning_rate,
        "tried": {str(rate): mean for rate, mean in fit.tried.items()},
    }
    write_tensors(file, {"losses": torch.from_numpy(fit.losses)}, KEY, about, what=WHAT)
    return fit
