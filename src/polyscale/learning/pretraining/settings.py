"""Every choice about pre-training, as data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import ceil
from typing import Any, Literal, get_args

from polyscale.errors import InputError, check_options
from polyscale.learning.training import TrainSettings, check_number
from polyscale.operator.multiscale.precision import Precision, check_precision
from polyscale.operator.plan import check_choice, check_count, check_flag
from polyscale.types import SOURCES, Source, check_scales

Method = Literal["supervised", "dino"]
"""What is learned from: classes, or agreement between views of the same picture (DINO, arXiv
2104.14294)."""

Augmentation = Literal["none", "crop", "colour"]
"""What is changed at random: nothing; the crop and its side; these and colours, as DINO does."""

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
            model's own. A Vision Transformer has `img_size` in `model_args` instead.
        scales: at which every image is seen, relative to the tile.
        source: what larger scales are resized from: the picture ("native") or the picture at the
            size of a tile ("base").
        method: what is learned from, see `Method`.
        augmentation: what is changed at random, see `Augmentation`.
        crop_area: smallest share of a picture that a crop of `supervised` shows.
        epochs: times that each image is seen; a part of one is allowed.
        steps: of the optimiser in all, instead of epochs.
        batch: images of a step, over all processes together.
        learning_rate: of AdamW, at its highest.
        weight_decay: of weights; biases and norms have none.
        warmup: share of the steps in which the learning rate rises; it then falls as half a cosine.
        clip_norm: gradients with a larger norm are shortened to it; None leaves them.
        precision: what the model computes in; bf16 and fp16 are autocast.
        checkpoint: keep no activations of tiles, and compute each chunk again in the backward pass.
        tile_batch: tiles of a chunk; None puts all tiles of a step into one. It changes memory and,
            for models with batch norm, the statistics; smaller chunks need `checkpoint` to save
            memory.
        local_crops: of `dino`: small crops of each picture, beside two large ones.
        prototypes: of `dino`: outputs of its projection head.
        teacher_momentum: of `dino`: share of itself that the teacher keeps in a step; it rises to 1
            as half a cosine.
        teacher_temperature: of `dino`: lower is sharper.
        frozen_steps: of `dino`: first steps in which the last layer of the head stays as it is.
        seed: of first weights, order of images, augmentation and dropout.
        split_seed: of the images that are drawn for testing, which are not seen, where the data has
            no split; that of a comparison on the same data is 0.
        workers: threads that read and augment images.
        save_every: most steps between two checkpoints, from which a killed training continues.
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
        for name in ("prototypes", "workers", "save_every"):
            check_count(name, getattr(self, name))
        for name in ("tile_px", "tile_batch", "steps"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        for name in ("local_crops", "frozen_steps", "split_seed"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise InputError(f"{name} must be a whole number from 0, but got {value!r}.")
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
        """The training on so many images."""
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
        """What a result depends on, in words that can be compared."""
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
    """Settings from names and values, as a command line or a file has them.

    Raises:
        InputError: if there is no setting of a name, or a value breaks its rule.
    """
    check_options(options, [each.name for each in fields(PretrainSettings)], of="pre-training")
    return PretrainSettings(**options)
