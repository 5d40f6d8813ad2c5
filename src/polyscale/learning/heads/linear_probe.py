"""The linear probe by its protocol: converged logistic regression, or the paper's 30 epochs.

The paper's head (Shi et al., ECCV 2024, image classification) is one layer on frozen features,
trained for 30 epochs at learning rate 5e-4 and batch 512. Unstated there, and chosen here: AdamW
with weight decay 0.01, a cosine schedule to zero without warm-up, no augmentation, features that
are not standardised. Few-shot accuracies come from the logistic probe on several draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from polyscale.checks import check_choice
from polyscale.errors import InputError
from polyscale.learning.heads.linear_head import LinearHead
from polyscale.learning.heads.logistic import fit_logistic_probe
from polyscale.learning.heads.probe_data import (
    Features,
    Labels,
    ProbeResult,
    check_classes,
    check_split,
    fold_scores,
    stratified_folds,
)

Protocol = Literal["fast", "paper"]
"""Converged logistic regression, or the paper's 30 epochs."""

FEW_SHOT_REGULARISER = 1e-2
"""λ of every draw, fixed beforehand: one image per class leaves nothing to choose it on."""


def probe(
    features: Features,
    labels: Labels,
    test: Features,
    *,
    protocol: Protocol = "fast",
    seed: int = 0,
    device: str = "cpu",
) -> ProbeResult:
    """Fit a linear probe on the training images and predict the test images.

    Args:
        features: of the training images (num_train, dim).
        labels: 0 … classes - 1, each class at least twice (num_train,).
        test: features of the test images (num_test, dim).
        protocol: "fast" or "paper".
        seed: of the folds, and of the paper's initial weights and order.
        device: where the paper's layer is trained.

    Raises:
        InputError: if rows do not match or are not finite, or a class is missing or too rare.
    """
    check_choice("protocol", protocol, get_args(Protocol))
    if protocol == "paper":
        return fit_paper_probe(features, labels, test, seed=seed, device=device)
    return fit_logistic_probe(features, labels, test, seed=seed)


@dataclass(frozen=True, kw_only=True)
class PaperSettings:
    """How the layer is trained.

    Attributes:
        epochs: number of passes over the training images.
        learning_rate: at the first step.
        batch: images per step; the last batch of an epoch may be smaller.
        weight_decay: of AdamW.
    """

    epochs: int = 30
    learning_rate: float = 5e-4
    batch: int = 512
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1 or self.learning_rate <= 0 or self.weight_decay < 0:
            raise InputError(
                "epochs and batch must be at least 1, learning_rate above 0 and weight_decay not "
                f"below, but got {self}."
            )

    def num_steps(self, num_images: int) -> int:
        """Training steps on this many images."""
        return self.epochs * -(-num_images // self.batch)


PAPER = PaperSettings()


def fit_paper_probe(
    train: Features,
    labels: Labels,
    test: Features,
    *,
    seed: int = 0,
    settings: PaperSettings = PAPER,
    device: str = "cpu",
    cross_validate: bool = True,
) -> ProbeResult:
    """Train on all training images, and once more without each fold, whose images it then predicts.

    Nothing is chosen: the folds give the accuracy on images that were not seen. The arguments are
    those of `probe`; without `cross_validate`, a class may have a single row.

    Raises:
        InputError: if rows do not match or are not finite, or a class is missing or too rare.
    """
    num_classes = check_split(train, labels, test, at_least=2 if cross_validate else 1)

    def trained_on(rows: NDArray[np.int64]) -> nn.Linear:
        generator = torch.Generator().manual_seed(seed)
        layer = _initial_layer(train.shape[1], num_classes, generator).to(device)
        _train(layer, train, labels, rows, settings, generator)
        return layer

    num_folds, out_of_fold, log_loss, accuracy = 0, None, np.nan, np.nan
    if cross_validate:
        folds = stratified_folds(labels, seed)
        num_folds, out_of_fold = int(folds.max()) + 1, np.empty((len(train), num_classes))
        for fold in range(num_folds):
            layer = trained_on(np.flatnonzero(folds != fold))
            held_out = np.flatnonzero(folds == fold)
            out_of_fold[held_out] = _predict(layer, train, held_out, settings.batch)
        log_loss, accuracy = fold_scores(out_of_fold, labels, folds)
    layer = trained_on(np.arange(len(train)))
    return ProbeResult(
        probabilities=_predict(layer, test, np.arange(len(test)), settings.batch),
        linear=LinearHead.of(*(p.detach().cpu().double().numpy() for p in layer.parameters())),
        regulariser=settings.weight_decay,
        at_edge=False,
        cv_accuracy=accuracy,
        cv_log_loss=log_loss,
        num_folds=num_folds,
        gradient_ratio=float("nan"),
        converged=False,
        num_iterations=settings.num_steps(len(train)),
        out_of_fold=out_of_fold,
        head=f"one linear layer, AdamW, {settings.epochs} epochs, learning rate "
        f"{settings.learning_rate:g}, batch {settings.batch}, cosine schedule",
        chosen_by="given",
    )


def _initial_layer(dim: int, num_classes: int, generator: torch.Generator) -> nn.Linear:
    """With torch's own initial weights, but drawn from the generator."""
    layer = nn.utils.skip_init(nn.Linear, dim, num_classes)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(dim**-0.5), dim**-0.5, generator=generator)
    return layer


def _train(
    layer: nn.Linear,
    train: Features,
    labels: Labels,
    rows: NDArray[np.int64],
    settings: PaperSettings,
    generator: torch.Generator,
) -> None:
    optimiser = torch.optim.AdamW(
        layer.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.num_steps(len(rows)))
    for _ in range(settings.epochs):
        order = torch.randperm(len(rows), generator=generator)
        for chosen in order.split(settings.batch):
            batch = rows[chosen.numpy()]
            target = torch.from_numpy(labels[batch].astype(np.int64)).to(layer.weight.device)
            optimiser.zero_grad()
            F.cross_entropy(_logits(layer, train, batch), target).backward()
            optimiser.step()
            schedule.step()


@torch.no_grad()
def _predict(
    layer: nn.Linear, features: Features, rows: NDArray[np.int64], batch: int
) -> NDArray[np.float64]:
    batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    return np.concatenate(
        [_logits(layer, features, b).double().softmax(dim=1).cpu().numpy() for b in batches]
    )


def _logits(layer: nn.Linear, features: Features, rows: NDArray[np.int64]) -> Tensor:
    inputs = torch.from_numpy(features[rows].astype(np.float32, copy=False))
    return layer(inputs.to(layer.weight.device))


def accuracy(probabilities: NDArray[np.float64], labels: Labels) -> float:
    """Share of images whose most probable class is their label."""
    return float((probabilities.argmax(axis=1) == labels).mean())


@dataclass(frozen=True)
class FewShot:
    """A score from a number of training images per class.

    Attributes:
        shots: training images per class.
        values: on the test images, one per draw; empty where the number was skipped.
        skipped: why it was skipped, or None.
    """

    shots: int
    values: tuple[float, ...]
    skipped: str | None = None

    @property
    def mean(self) -> float:
        """Mean over the draws; NaN where skipped."""
        return float(np.mean(self.values)) if self.values else float("nan")


def few_shot(
    train: Features,
    labels: Labels,
    test: Features,
    test_labels: Labels,
    *,
    shots: Sequence[int] = (1, 5, 10, 25),
    num_draws: int = 3,
    seed: int = 0,
    score: Callable[[NDArray[np.float64], Labels], float] = accuracy,
) -> list[FewShot]:
    """Fit the logistic probe on several draws of few images, and judge each on the test images.

    λ is fixed. Smaller draws are part of the larger ones of the same number, so that their
    scores differ by the added images alone.

    Args:
        train: features (num_train, dim).
        labels: 0 … classes - 1 (num_train,).
        test: features (num_test, dim).
        test_labels: classes of the test images (num_test,).
        shots: images per class; numbers above the size of the smallest class are skipped.
        num_draws: number of draws of each.
        seed: of the draws.
        score: probabilities (num_test, num_classes) and right classes → a number.

    Raises:
        InputError: if rows do not match or are not finite, or shots or draws are below 1.
    """
    check_classes(test_labels, len(test), check_split(train, labels, test), "test_labels")
    if num_draws < 1 or not shots or min(shots) < 1:
        raise InputError(
            f"shots and num_draws must be at least 1, but got {list(shots)} and {num_draws}."
        )
    orders = [
        np.random.default_rng((seed, draw)).permutation(len(train)) for draw in range(num_draws)
    ]

    def score_of(drawn: Labels) -> float:
        fitted = fit_logistic_probe(
            train[drawn], labels[drawn], test, regulariser=FEW_SHOT_REGULARISER
        )
        return score(fitted.probabilities, test_labels)

    smallest = int(np.bincount(labels).min())
    return [
        FewShot(number, tuple(score_of(first_of_each(labels, o, number)) for o in orders))
        if number <= smallest
        else FewShot(number, (), f"the smallest class has {smallest} training images")
        for number in shots
    ]


def first_of_each(labels: Labels, order: Labels, number: int) -> Labels:
    """Rows of the first `number` of each class in the order."""
    classes = range(int(labels.max()) + 1)
    return np.concatenate([order[labels[order] == label][:number] for label in classes])
