"""How low the loss of a linear layer gets within a budget, on the images that it learns from.

The paper measures the capacity of a model by such losses (Shi et al., ECCV 2024, section 4.3,
Table 3). Its optimiser is not stated. Here the layer begins at zero, so that its first loss is the
logarithm of the number of classes, and is trained by AdamW without weight decay, on standardised
features, at a rate that falls as half a cosine.

Adam moves every weight by about its learning rate, so that a layer on wide features would learn
faster: a mere copy of every column lowers the loss. The rate is therefore divided by the number of
features, and a step moves the scores of wide and narrow features equally. Each layer is trained at
several rates, and the one with the lowest loss counts. That is fair because the loss in question is
the one that training minimises: nothing is chosen on images of any other kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from polyscale.checks import check_integers
from polyscale.errors import InputError, RunError
from polyscale.learning.heads.probe_data import Features, Labels, check_classes, check_features
from polyscale.learning.training import TrainContext, TrainSettings, batch_indices, train

RATES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Learning rates times the number of features that may be tried, rising."""

FIRST_RATE = RATES.index(10.0)

LEAST_SPREAD = 1e-6
"""A column whose standard deviation is smaller is constant, and is only centred."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long a layer is trained.

    Attributes:
        epochs: passes over the images.
        batch: images of a step.
        learning_rate: of AdamW at its highest, times the number of features; None tries `RATES`
            from 10 on, until the lowest loss has a higher one on either side.
    """

    epochs: int = 10
    batch: int = 256
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        check_integers(self, "epochs", "batch")

    def training(self, num_images: int, rate: float, dim: int, *, seed: int = 0) -> TrainSettings:
        """The training on so many images of `dim` features.

        Raises:
            InputError: if a number is not allowed, or there are fewer images than in a batch.
        """
        if self.batch > num_images:
            raise InputError(
                f"batch must be at most the number of training images, {num_images}, but got "
                f"{self.batch}. Lower it, or add images."
            )
        return TrainSettings(
            steps=-(-self.epochs * num_images // self.batch),
            batch=self.batch,
            learning_rate=rate / dim,
            weight_decay=0.0,
            seed=seed,
        )


@dataclass(frozen=True, eq=False)
class BudgetFit:
    """A layer after training.

    Attributes:
        losses: cross-entropy of each image, in nats (num_images,).
        learning_rate: with which it was trained, times the number of features.
        tried: learning rate → mean loss; infinite where training diverged.
    """

    losses: NDArray[np.float64]
    learning_rate: float
    tried: Mapping[float, float]


def lowest_loss(
    features: Features,
    labels: Labels,
    num_classes: int,
    budget: Budget,
    *,
    seed: int = 0,
    context: TrainContext,
) -> BudgetFit:
    """Train a layer at several rates, and keep the best.

    Args:
        features: of the images (num_images, dim).
        labels: 0 … `num_classes` - 1 (num_images,).
        num_classes: outputs of the layer.
        budget: of each training.
        seed: of the order of images.
        context: where it runs, and whom it tells.

    Raises:
        InputError: if labels do not match or features are not finite, or the budget is not allowed.
        RunError: if training diverges at every rate.
    """
    check_features(features, "features")
    check_classes(labels, len(features), num_classes, "labels")
    rows = _standardised(features, context.device)
    targets = torch.from_numpy(labels).to(context.device)
    fits: dict[float, NDArray[np.float64]] = {}

    def loss_at(rate: float) -> float:
        settings = budget.training(len(features), rate, features.shape[1], seed=seed)
        try:
            fits[rate] = _train(rows, targets, num_classes, settings, context)
        except RunError:  # it diverged
            return inf
        return float(fits[rate].mean())

    if budget.learning_rate is not None:
        tried = {budget.learning_rate: loss_at(budget.learning_rate)}
    else:
        tried = climb(loss_at, RATES, FIRST_RATE)
    best = min(tried, key=lambda rate: tried[rate])
    if best not in fits:
        raise RunError(f"{context.step}: training diverges at {best:g}. Lower learning_rate.")
    return BudgetFit(fits[best], best, dict(sorted(tried.items())))


def climb(
    loss_at: Callable[[float], float], choices: tuple[float, ...], start: int
) -> dict[float, float]:
    """From a start to the choice whose neighbours have higher losses; every choice tried → loss.

    >>> climb(lambda x: (x - 4) ** 2, (1, 2, 3, 4, 5, 6), start=1)
    {2: 4, 1: 9, 3: 1, 4: 0, 5: 1}
    """
    tried = {choices[start]: loss_at(choices[start])}
    best = start
    while True:
        for place in (best - 1, best + 1):
            if 0 <= place < len(choices) and choices[place] not in tried:
                tried[choices[place]] = loss_at(choices[place])
        lowest = choices.index(min(tried, key=lambda choice: tried[choice]))
        if lowest == best:
            return tried
        best = lowest


def _standardised(features: Features, device: str) -> Tensor:
    """Columns of mean 0 and standard deviation 1, and a constant one in place of a bias.

    The constant is the number of columns, since the learning rate is divided by it.
    """
    mean, std = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    rows = (features - mean) / np.where(std > LEAST_SPREAD, std, 1.0)
    rows = np.column_stack([rows, np.full(len(rows), rows.shape[1])])
    return torch.from_numpy(rows.astype(np.float32)).to(device)


def _train(
    rows: Tensor, targets: Tensor, num_classes: int, settings: TrainSettings, context: TrainContext
) -> NDArray[np.float64]:
    """The loss of each image after training (num_images,)."""
    layer = nn.Linear(rows.shape[1], num_classes, bias=False)
    nn.init.zeros_(layer.weight)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        chosen = batch_indices(
            step, num_examples=len(rows), batch=settings.batch, seed=settings.seed
        )
        places = torch.from_numpy(chosen).to(rows.device)
        return rows[places], targets[places]

    train(layer, _loss, batch, settings, context)
    with torch.no_grad():
        parts = zip(rows.split(settings.batch), targets.split(settings.batch), strict=True)
        losses = [F.cross_entropy(layer(x).double(), y, reduction="none") for x, y in parts]
    return torch.cat(losses).cpu().numpy()


def _loss(layer: nn.Linear, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(layer(batch[0]), batch[1])
