"""The configuration of a vision tower of several scales, as transformers writes them."""

import json
from typing import Any, ClassVar, Literal, get_args

from transformers import AutoConfig, AutoModel, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from polyscale.checks import check_choice, check_flag, check_integer
from polyscale.errors import InputError
from polyscale.operator.backbones import ReadOptions, as_backbone
from polyscale.operator.backbones.loading import build_on_meta
from polyscale.operator.multiscale import MultiScaleConfig
from polyscale.operator.plan import Aspect, scales_of
from polyscale.types import Backbone

ImageMode = Literal["crop", "pad", "squash", "keep", "dynamic"]
"""How a picture becomes what the tower takes.

- crop: the shorter side is resized to the largest scale, and the middle square is cut out.
- pad: the picture is padded to a square with the mean colour, and resized.
- squash: both sides are resized to the largest scale.
- keep: the shorter side is resized to the largest scale, and nothing is cut off: a picture of 3:2
  has one and a half times as many tokens as a square.
- dynamic: the picture is resized to whole tiles, in rows and columns whose aspect is closest to its
  own, and has a token for each of their cells (NVILA's Dynamic-S²)."""

ASPECTS: dict[ImageMode, Aspect] = {
    "crop": "squash",
    "pad": "squash",
    "squash": "squash",
    "keep": "keep",
    "dynamic": "dynamic",
}
"""Image mode → what the operator does to images that are not of the tile's aspect."""

_READ: dict[tuple[str, int], dict[str, Any]] = {}
"""Configuration of a backbone and side of a tile → what was read from it.

Whenever transformers saves or reads a model, it compares with a tower of default values.
"""


class S2VisionConfig(PreTrainedConfig):  # type: ignore[misc]
    """What builds a vision tower of several scales, and what a multimodal model asks of it.

    Attributes:
        backbone_config: of a vision model of transformers, timm's included (`TimmWrapperConfig`).
        scales: sizes relative to the backbone's own, see `MultiScaleConfig`.
        sizes: the same in pixels, instead of scales; only an argument.
        merge: how scales are put together, see `Merge`.
        image_mode: see `ImageMode`.
        skip_enlarged: with image mode "dynamic", whether scales that would only enlarge a small
            picture are left out. The features of the largest scale that is left stand for them.
        antialias: whether images are smoothed where they shrink to a smaller scale. LLaVA's own
            tower does not do that; False gives the features that its checkpoints were trained on.
        frozen: whether the backbone stays in evaluation mode and is not trained. What is trained
            anyway, since its parameters were made trainable, is frozen again when it is loaded.
        operator: other choices of `MultiScaleConfig`, for example {"tile_batch": 4}.
        tile_size: side of a tile in pixels; the backbone's own by default.
        grid_size: cells of the feature map of a tile along each axis.
        width: channels of the backbone.
        num_hidden_layers: of the backbone.
        has_class_token: whether the backbone has one.
        has_stages: whether the layers of the backbone differ in width or grid, as those of a
            convolutional network do; only its last output can be read then.

    The last five are read from the backbone (`backbone_facts`), which is built for that where they
    are not given.

    Raises:
        InputError: if a value breaks its rule, or the backbone has no square tiles.
    """

    # Where nothing is registered, transformers shows this name in an error: it says what to do.
    model_type = "import polyscale.language"
    base_config_key = "vision_config"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "backbone_config": SubConfigSpec(AutoConfig, model_type="clip_vision_model")
    }

    backbone_config: Any = None
    scales: list[float] | None = None
    merge: str = "concat"
    image_mode: ImageMode = "crop"
    skip_enlarged: bool = False
    antialias: bool = True
    frozen: bool = True
    operator: dict[str, Any] | None = None
    tile_size: int = 0
    grid_size: int = 0
    width: int = 0
    num_hidden_layers: int = 0
    has_class_token: bool = False
    has_stages: bool = False

    def __post_init__(self, **options: Any) -> None:
        sizes = options.pop("sizes", None)
        attention = getattr(self.backbone_config, "_attn_implementation", None)
        super().__post_init__(**options)
        if self._attn_implementation is None:  # which was just handed down to a live model
            self.backbone_config._attn_implementation = attention
        if self.scales is not None and sizes is not None:
            raise InputError(
                f"give either scales or sizes, but got both ({self.scales} and {sizes})."
            )
        check_choice("image_mode", self.image_mode, get_args(ImageMode))
        check_flag("skip_enlarged", self.skip_enlarged)
        check_flag("frozen", self.frozen)
        self.multiscale()  # checks the choices before a model is built
        if not self.grid_size:
            for name, value in self._facts().items():
                setattr(self, name, value)
        if sizes is not None:
            self.scales = list(scales_of(sizes, (self.tile_size, self.tile_size)))
        self.scales = list(self.multiscale().scales)
        self._check_sizes()

    def multiscale(self, **options: Any) -> MultiScaleConfig:
        """The choices of the operator, with others in place of some of them.

        Raises:
            InputError: if one breaks its rule.
        """
        chosen = {
            "scales": (1, 2, 3) if self.scales is None else tuple(self.scales),
            "merge": self.merge,
            "antialias": self.antialias,
            "aspect": ASPECTS[self.image_mode],
            "prefix": "mean" if self.gives_class_token else "none",
        }
        own = {*chosen, "output_grid", "checkpoint", "max_tiles"} & {*(self.operator or {})}
        if own:
            raise InputError(
                "operator must hold other choices of MultiScaleConfig, but holds "
                f"{min(own)}. The tower decides that itself, or has an argument of this name."
            )
        return MultiScaleConfig.of({**chosen, **(self.operator or {}), **options})

    @property
    def is_square(self) -> bool:
        """Whether all pictures have one size.

        If not, the grid follows the picture, so that tokens are packed, without a class token.
        """
        return ASPECTS[self.image_mode] == "squash"

    @property
    def gives_class_token(self) -> bool:
        """Whether a merged class token stands before the cells."""
        return self.has_class_token and self.is_square

    @property
    def hidden_size(self) -> int:
        """Channels of a token: what a projector must take."""
        return self.width * (len(self.multiscale().scales) if self.merge == "concat" else 1)

    @property
    def image_size(self) -> int:
        """Side in pixels of a square image at the largest scale."""
        return max(1, round(max(self.multiscale().scales) * self.tile_size))

    @property
    def patch_size(self) -> int:
        """Side in pixels of the part of an image which becomes a token."""
        side = self.tile_size if self.image_mode == "dynamic" else self.image_size
        return max(1, side // self.grid_size)

    def read_options(self, layers: tuple[int, ...] | None = None) -> ReadOptions:
        """How the backbone is read: its own output, or layers as they are."""
        return _read_options(self.tile_size, None if self.has_stages else layers)

    def _facts(self) -> dict[str, Any]:
        about = json.dumps(self.backbone_config.to_dict(), sort_keys=True, default=str)
        key = (about, self.tile_size)
        if key not in _READ:
            _READ[key] = self._read_backbone()
        return _READ[key]

    def _read_backbone(self) -> dict[str, Any]:
        model = build_on_meta(lambda: AutoModel.from_config(self.backbone_config)).eval()
        try:
            return backbone_facts(model, self.tile_size)
        except InputError:  # some models compute with the values of tensors, which need memory
            return backbone_facts(AutoModel.from_config(self.backbone_config), self.tile_size)

    def _check_sizes(self) -> None:
        """Refuse sizes in pixels that give no whole number of tokens."""
        if self.image_mode == "dynamic" and self.tile_size % self.grid_size:
            raise InputError(
                f"image_mode must not be 'dynamic' for tiles of {self.tile_size} px, whose "
                f"{self.grid_size} cells a side are no whole pixels. Set tile_size."
            )
        if self.image_mode != "dynamic" and self.image_size // self.patch_size != self.grid_size:
            raise InputError(
                f"scales must make images of {self.grid_size} tokens a side, but "
                f"{self.image_size} px cannot be cut into so many equal ones. "
                f"Choose a larger scale than {self.scales}."
            )


def backbone_facts(model: Any, tile_size: int = 0) -> dict[str, Any]:
    """The fields of `S2VisionConfig` that are read from a vision model of transformers.

    Args:
        model: live, or without memory.
        tile_size: side of a tile in pixels; 0 is the model's own.

    Raises:
        InputError: if its tiles are not square, or the size of a tile breaks its rule.
    """
    if tile_size:
        tile_size = check_integer("tile_size", tile_size)
    backbone = as_backbone(model, _read_options(tile_size))
    height, width = backbone.tile_hw
    if height != width or backbone.grid_hw[0] != backbone.grid_hw[1]:
        raise InputError(
            f"tiles must be square, but those of {backbone.name} are {height}×{width} px. "
            "Set tile_size."
        )
    return {
        "tile_size": height,
        "grid_size": backbone.grid_hw[0],
        "width": backbone.dim,
        "num_hidden_layers": _num_layers(model),
        "has_class_token": backbone.has_cls,
        "has_stages": _has_stages(model, backbone),
    }


def _read_options(tile_size: int, layers: tuple[int, ...] | None = None) -> ReadOptions:
    tile_hw = (tile_size, tile_size) if tile_size else None
    if layers is None:
        return ReadOptions(tile_hw=tile_hw)
    return ReadOptions(tile_hw=tile_hw, layers=layers, norm=False)


def _num_layers(model: Any) -> int:
    timm_model = getattr(model, "timm_model", None)
    if timm_model is not None:
        return len(timm_model.feature_info)
    stages = getattr(model.config, "depths", None)
    return len(stages) if stages else int(model.config.num_hidden_layers)


def _has_stages(model: Any, backbone: Backbone) -> bool:
    """Whether the first layer is of another shape than the output, or cannot be read."""
    try:
        first = as_backbone(model, _read_options(backbone.tile_hw[0], (0,)))
    except InputError:
        return True
    return (first.dim, first.grid_hw) != (backbone.dim, backbone.grid_hw)
