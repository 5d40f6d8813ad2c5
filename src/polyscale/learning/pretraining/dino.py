"""Self-distillation as in DINO (arXiv 2104.14294), with the head and the loss of `lightly`.

For every view, the student predicts the teacher's outputs for the other large views. The weights of
the teacher are a running mean of the student's. Every view, large or small, has the size of a tile
at scale 1, and is seen at all scales.
"""

import warnings
from math import cos, pi
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.learning.pretraining.settings import PretrainSettings
from polyscale.learning.pretraining.views import Areas, PretrainBatch
from polyscale.operator.multiscale import MultiScale

LARGE, SMALL = (0.4, 1.0), (0.05, 0.4)
"""Smallest and largest share of the picture's area that large and small crops show."""

NUM_LARGE = 2

HIDDEN, BOTTLENECK = 2048, 256
"""Widths of the head, as in DINO; smaller heads have narrower layers."""


class Dino(nn.Module):
    """Student, teacher and their loss.

    Args:
        student: the backbone at its scales.
        teacher: a frozen copy of it.
        settings: of the training.
        steps: total number of training steps.

    Attributes:
        areas: range of the area of each view: the large views of an image, then the small ones.
        teacher_views: number of views of an image that the teacher sees.
    """

    teacher_views = NUM_LARGE

    def __init__(
        self, student: MultiScale, teacher: MultiScale, settings: PretrainSettings, steps: int
    ) -> None:
        super().__init__()
        from lightly.loss import DINOLoss

        self.student, self.teacher = student, teacher
        self.student_head, self.teacher_head = (
            _head(student.pooled_dim, settings.prototypes) for _ in range(2)
        )
        self.teacher_head.load_state_dict(self.student_head.state_dict())
        self.teacher_head.requires_grad_(False)
        self.distance = DINOLoss(settings.prototypes, teacher_temp=settings.teacher_temperature)
        self._momentum, self._steps = settings.teacher_momentum, steps
        self._frozen_steps = settings.frozen_steps
        self.areas: tuple[Areas, ...] = (*[LARGE] * NUM_LARGE, *[SMALL] * settings.local_crops)

    @property
    def result(self) -> MultiScale:
        """The model to keep: the teacher, as in DINO."""
        return self.teacher

    def forward(self, batch: PretrainBatch) -> Float[Tensor, ""]:
        """The loss of a batch; before it, the teacher is updated by the student's last step."""
        if batch.step:
            self.follow(self.momentum(batch.step))
        last_layer: Any = self.student_head.last_layer
        last_layer.weight_v.requires_grad_(batch.step >= self._frozen_steps)
        views = batch.views.transpose(0, 1)
        with torch.no_grad():
            large = self.teacher_head(self.teacher(views[:NUM_LARGE].flatten(0, 1)).pooled)
        seen = self.student_head(self.student(views.flatten(0, 1)).pooled)
        return self.distance(
            list(large.float().chunk(NUM_LARGE)), list(seen.float().chunk(len(views)))
        )

    def momentum(self, step: int) -> float:
        """Momentum of the teacher, the share of itself that it keeps; a half cosine rising to 1."""
        return 1 - (1 - self._momentum) * (1 + cos(pi * step / self._steps)) / 2

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Move the teacher towards the student; it gets a copy of the statistics of batch norms."""
        pairs = ((self.student, self.teacher), (self.student_head, self.teacher_head))
        for student, teacher in pairs:
            torch._foreach_lerp_(
                list(teacher.parameters()), list(student.parameters()), 1 - momentum
            )
            for theirs, own in zip(student.buffers(), teacher.buffers(), strict=True):
                own.copy_(theirs)


def _head(dim: int, prototypes: int) -> nn.Module:
    from lightly.models.modules.heads import DINOProjectionHead

    with warnings.catch_warnings():  # torch warns about DINO's kind of weight norm
        warnings.simplefilter("ignore", FutureWarning)
        return DINOProjectionHead(
            dim, min(HIDDEN, 4 * dim), min(BOTTLENECK, prototypes), prototypes, batch_norm=False
        )
