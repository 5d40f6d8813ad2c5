"""Recipes of Table 4: backbones pre-trained with S², at one scale, or larger."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polyscale.data.published import PaperRow, load_paper
from polyscale.learning.pretraining import PretrainSettings
from polyscale.studies.arms import ArmsSettings
from polyscale.studies.recipes.recipe import Checkpoint
from polyscale.studies.recipes.size import STEP_PASSES, count_tiles
from polyscale.studies.recipes.table import CHECKPOINTS

NUM_IMAGES = 14_197_122
"""Of ImageNet-21k, on which the paper's ViTs are pre-trained."""

SCALES = (1, 2)

MODEL_ARGS = {"img_size": 224}

FINDING = (
    "S² during pre-training adds 1.3 points (ViT) and 2.0 (DINOv2) to S² afterwards; the ViT then "
    "beats the large model, DINOv2 does not."
)

STATED = (
    "base with S² during pre-training, base with S² afterwards, base and large, judged by a linear "
    "probe on ImageNet-1k",
    "ViT: supervised on ImageNet-21k",
)

CHOSEN = (
    "the same schedule for all: AdamW, batch 4096, learning rate 1e-3, weight decay 0.05, warm-up "
    "in 5 % of the steps, half a cosine; the paper states none",
    "DINO-style self-distillation in place of DINOv2's method, which adds losses on patches",
    "three trainings of each backbone, so that their spread is known; the paper trains one",
    "scales 1 and 2, as the paper's table does not name them; native source, as in a training",
    "heads learn from images that the backbone has not seen: --data is divided in two, by class",
)


@dataclass(frozen=True, kw_only=True)
class PretrainRecipe:
    """A block of Table 4.

    Attributes:
        name: its name on the command line.
        method: what is learned from.
        epochs: of each training.
        small: the base model's architecture; its weights are not used.
        larger: that of the larger model.
        models: their names in timm.
        published: the paper's figures.
    """

    name: str
    method: str
    epochs: float
    small: Checkpoint
    larger: Checkpoint
    models: tuple[str, str]
    published: tuple[PaperRow, ...]

    place = "Table 4"
    finding, stated, chosen = FINDING, STATED, CHOSEN

    def settings(self, **changes: Any) -> ArmsSettings:
        """The settings of the four arms, with other settings of each training."""
        base, larger = self.models
        training: dict[str, Any] = {
            "model": base,
            "model_args": MODEL_ARGS,
            "method": self.method,
            "augmentation": "colour" if self.method == "dino" else "crop",
            "epochs": self.epochs,
            "batch": 4096,
            "precision": "bf16",
        }
        arms = {name: changes.pop(name) for name in ("seeds", "share") if name in changes}
        return ArmsSettings(
            base=PretrainSettings(**{**training, **changes}),
            larger=larger,
            larger_args=MODEL_ARGS,
            scales=SCALES,
            **arms,
        )

    @property
    def arms(self) -> tuple[tuple[str, Checkpoint, tuple[float, ...]], ...]:
        """What each training is called, its architecture and its scales."""
        return (
            ("base", self.small, (1,)),
            ("larger", self.larger, (1,)),
            ("base with S²", self.small, SCALES),
        )

    def train_macs(self, checkpoint: Checkpoint, scales: tuple[float, ...]) -> float:
        """Multiply-adds of one training on ImageNet-21k, of one view of each image in an epoch."""
        return STEP_PASSES * self.epochs * NUM_IMAGES * count_tiles(checkpoint, scales)[1]


def _recipes() -> Iterator[PretrainRecipe]:
    for name, family, method, models, sizes in (
        (
            "pretrain-vit",
            "ViT",
            "supervised",
            ("vit_base_patch16_224", "vit_large_patch16_224"),
            ("ViT-B/16", "ViT-L/16"),
        ),
        (
            "pretrain-dino",
            "DINOv2",
            "dino",
            ("vit_base_patch14_dinov2", "vit_large_patch14_dinov2"),
            ("ViT-B/14", "ViT-L/14"),
        ),
    ):
        small, larger = (CHECKPOINTS[family, size, 224] for size in sizes)
        yield PretrainRecipe(
            name=name,
            method=method,
            epochs=30.0,
            small=small,
            larger=larger,
            models=models,
            published=tuple(r for r in load_paper("pretraining") if r.family == family),
        )


PRETRAININGS: Mapping[str, PretrainRecipe] = {recipe.name: recipe for recipe in _recipes()}
"""Every recipe of a pre-training by its name."""
