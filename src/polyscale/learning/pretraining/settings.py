"""All settings of a pre-training."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import ceil
from typing import Any, Literal, get_args

from polyscale.checks import check_choice, check_flag, check_integers, check_number
from polyscale.errors import InputError, check_options
from polyscale.learning.training import TrainSettings
from polyscale.operator.multiscale.precision import Precision, check_precision
from polyscale.types import SOURCES, Source, check_scales

Method = Literal["supervised", "dino"]
"""The training signal: classes, or agreement between views of the same picture (DINO, arXiv
2104.14294)."""

Augmentation = Literal["none", "crop", "colour"]
"""Random changes of pictures: none; a crop that may be mirrored; also colours, as in DINO."""

CHANGES_NOTHING = ("save_every", "workers")
"""Settings that may differ when a training continues."""


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """How a backbone is trained from random weights, at one scale or at several (paper, 4.3).

    Attributes:
        model: a Vision Transformer or ConvNet of timm by its name, `vit_small_patch16_224`.
        model_args: arguments of `timm.create_model`, such as `img_size`, `patch_size`, `embed_dim`,
            `depth`, `num_heads` and `in_chans` (1 for grey images, 3 for RGB).
        tile_px: side of a tile for a model that takes several sizes, such as a ConvNet; None is the
            model's own. For a Vision Transformer, set `img_size` in `model_args` instead.
        scales: scales at which every image is seen, relative to the tile.
        source: what larger scales are resized from: the picture ("native") or the picture at the
            size of a tile ("base").
        method: the training signal, see `Method`.
        augmentation: random changes of pictures, see `Augmentation`.
        crop_area: smallest share of a picture's area that a crop of `supervised` shows, above 0 and
            at most 1.
        epochs: number of passes over the images, above 0; it need not be whole.
        steps: total number of steps of the optimiser; overrides `epochs` if given.
        batch: number of images in a step, over all processes together.
        learning_rate: highest learning rate of AdamW.
        weight_decay: of weights; biases and norms have none.
        warmup: share of the steps in which the learning rate rises, from 0 to below 1; it then
            falls along a half cosine.
        clip_norm: largest norm of gradients, to which longer ones are clipped; None does not clip.
        precision: data type of the computation; bf16 and fp16 use autocast.
        checkpoint: activation checkpointing: keep no activations of tiles, and compute each chunk
            again in the backward pass.
        tile_batch: number of tiles in a chunk; None puts all tiles of a step into one. It changes
            memory and, for models with batch norm, the statistics. Smaller chunks save memory only
            with `checkpoint`.
        local_crops: for `dino`: number of small crops of each picture, besides two large ones.
        prototypes: for `dino`: number of outputs of the projection head.
        teacher_momentum: for `dino`: share of itself that the teacher keeps in a step, from 0 to
            below 1; it rises to 1 along a half cosine.
        teacher_temperature: for `dino`: temperature of the teacher's softmax, above 0; lower is
            sharper.
        frozen_steps: for `dino`: number of first steps in which the head's last layer is frozen.
        seed: random seed of initial weights, order of images, augmentation and dropout.
        split_seed: random seed of the split into training and test images, if the data has none of
            its own; 0 as in comparisons by default. Training never uses the test images.
        workers: number of threads that read and augment images.
        save_every: largest number of steps between checkpoints, from which a killed training
            continues.
    """

    model: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    tile_px: int | None = None
    scales: tuple[float, ...] = (1,)
    source: Source = "native"
    method: Method = "supervised"
    augmentation: Augmentation = "crop"
    crop_area: float = 0.08
    epochs: float = 100.0
    steps: int | None = None
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    clip_norm: float | None = 1.0
    precision: Precision = "fp32"
    checkpoint: bool = False
    tile_batch: int | None = None
    local_crops: int = 4
    prototypes: int = 4096
    teacher_momentum: float = 0.996
    teacher_temperature: float = 0.04
    frozen_steps: int = 0
    seed: int = 0
    split_seed: int = 0
    workers: int = 4
    save_every: int = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", check_scales(self.scales))
        self._check_model()
        check_choice("source", self.source, SOURCES)
        check_choice("method", self.method, get_args(Method))
        check_choice("augmentation", self.augmentation, get_args(Augmentation))
        check_precision(self.precision, "precision")
        check_flag("checkpoint", self.checkpoint)
        check_integers(self, "batch", "prototypes", "workers", "save_every")
        for name in ("tile_px", "tile_batch", "steps"):
            if getattr(self, name) is not None:
                check_integers(self, name)
        check_integers(self, "local_crops", "frozen_steps", "seed", "split_seed", least=0)
        for name in ("epochs", "teacher_temperature"):
            check_number(name, getattr(self, name), "above 0", lambda value: value > 0)
        check_number("crop_area", self.crop_area, "above 0, at most 1", lambda v: 0 < v <= 1)
        for name in ("warmup", "teacher_momentum"):
            rule = "of at least 0 and below 1"
            check_number(name, getattr(self, name), rule, lambda value: 0 <= value < 1)
        if self.method == "dino" and self.augmentation == "none":
            raise InputError(
                "augmentation must be crop or colour for dino, whose views of a picture must "
                "differ, but got 'none'."
            )
        self.training(1)  # the rules that all trainings share

    def training(self, num_images: int) -> TrainSettings:
        """Settings of the training loop for this number of images."""
        steps = self.steps or max(1, ceil(self.epochs * num_images / self.batch))
        return TrainSettings(
            steps=steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup_steps=int(self.warmup * steps),
            clip_norm=self.clip_norm,
            seed=self.seed,
            checkpoint_every=self.save_every,
        )

    def facts(self) -> dict[str, str]:
        """All settings that the result depends on, as text that can be compared."""
        chosen = {name: repr(value) for name, value in asdict(self).items()}
        return {name: value for name, value in chosen.items() if name not in CHANGES_NOTHING}

    def _check_model(self) -> None:
        if not isinstance(self.model, str) or not self.model:
            raise InputError(
                f"model must be the name of a model of timm, but got {self.model!r}. "
                "Example: vit_small_patch16_224"
            )
        try:
            json.dumps(dict(self.model_args))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"model_args must hold names with text, numbers and lists, but got "
                f"{self.model_args!r}. Example: {{'img_size': 64, 'depth': 6}}"
            ) from error
        object.__setattr__(self, "model", self.model.removeprefix("timm:"))


def make_settings(options: Mapping[str, Any]) -> PretrainSettings:
    """Make settings from names and values, as given on a command line or in a file.

    Raises:
        InputError: if there is no setting of a name, or a value breaks its rule.
    """
    check_options(options, [each.name for each in fields(PretrainSettings)], of="pre-training")
    return PretrainSettings(**options)
