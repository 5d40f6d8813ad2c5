"""Learning from classes: a linear layer on the features of all scales."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.learning.pretraining.settings import PretrainSettings
from polyscale.learning.pretraining.views import Areas, PretrainBatch
from polyscale.operator.multiscale import MultiScale


class Supervised(nn.Module):
    """Cross-entropy of a linear layer on the pooled features: class token and mean of the cells.

    Args:
        student: the backbone at its scales.
        settings: of the training.
        num_classes: of the data.

    Attributes:
        areas: range of the area of the only view of each image.
        teacher_views: 0, because there is no teacher.
    """

    teacher_views = 0

    def __init__(self, student: MultiScale, settings: PretrainSettings, num_classes: int) -> None:
        super().__init__()
        self.student = student
        self.classify = nn.Linear(student.pooled_dim, num_classes)
        self.areas: tuple[Areas, ...] = ((settings.crop_area, 1.0),)

    @property
    def result(self) -> MultiScale:
        """The model to keep."""
        return self.student

    def forward(self, batch: PretrainBatch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        pooled = self.student(batch.views.flatten(0, 1)).pooled
        return F.cross_entropy(self.classify(pooled), batch.labels)
