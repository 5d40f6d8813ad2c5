"""What a run of capacity found besides its rows: both losses, and the layers behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import NotNegative, Positive, PositiveCount, Record
from polyscale.records.result import Contrast

CapacityLoss = Literal["memorisation", "training_loss"]
"""Every image its own class, or the true classes."""


@dataclass(frozen=True, kw_only=True)
class FittedLayer(Record):
    """A linear layer at the end of its budget; losses in nats, of the images it learned from.

    Attributes:
        candidate: whose features it sees.
        loss: what it learned.
        value: mean loss; `ci_low` and `ci_high` are the ends of its 95 % interval over images.
        num_classes: outputs of the layer.
        feature_dim: numbers that it sees of an image.
        params: its parameters.
        learning_rate: the one with the lowest loss, times `feature_dim`.
        tried: learning rate → mean loss, null where training diverged.
    """

    candidate: str
    loss: CapacityLoss
    value: NotNegative
    ci_low: NotNegative
    ci_high: NotNegative
    num_classes: PositiveCount
    feature_dim: PositiveCount
    params: PositiveCount
    learning_rate: Positive
    tried: Mapping[str, NotNegative | None]


@dataclass(frozen=True, kw_only=True)
class Capacity(Record):
    """Both losses of every candidate: the content of `capacity.json`.

    Attributes:
        num_images: that were learned, and judged.
        epochs: of each training, with `batch` images a step.
        chance: each loss of a layer that sees nothing, in nats: the logarithm of the number of
            images, and the entropy of the classes.
        layers: one for each candidate and loss.
        contrasts: every pair of candidates, by each loss.
    """

    num_images: PositiveCount
    epochs: PositiveCount
    batch: PositiveCount
    chance: Mapping[CapacityLoss, NotNegative]
    layers: tuple[FittedLayer, ...]
    contrasts: tuple[Contrast, ...]

    def layer(self, candidate: str, loss: CapacityLoss) -> FittedLayer:
        """The layer of a candidate for a loss.

        Raises:
            LookupError: if there is none.
        """
        for layer in self.layers:
            if (layer.candidate, layer.loss) == (candidate, loss):
                return layer
        raise LookupError(f"no layer of {candidate} for {loss}")
