"""A backbone for the dense heads of transformers, as they call theirs."""

from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.encoders.fused import Fused
from polyscale.encoders.resize import resize_map
from polyscale.errors import InputError, require
from polyscale.multiscale import MultiScale, MultiScaleFeatures
from polyscale.types import HW, Backbone

if TYPE_CHECKING:
    from transformers.modeling_outputs import BackboneOutput

    from polyscale.encoders.transformers_config import PolyscaleBackboneConfig

BackboneForm = Literal["pyramid", "map", "tokens"]
"""pyramid: four maps, 4, 2, 1 and ½ times the grid (UperNet, MaskFormer, Mask2Former). map: the
fused map alone. tokens: four times the class token and the cells (DPT, Depth Anything)."""


class TransformersBackbone(nn.Module):
    """The face of an `AutoBackbone`.

    Args:
        config: the shape.
        fused: features; None is a place to put them, which is what a head builds from the config.
    """

    def __init__(self, config: "PolyscaleBackboneConfig", fused: Fused | None = None) -> None:
        super().__init__()
        self.config = config
        self.fused = fused

    @classmethod
    def _from_config(cls, config: "PolyscaleBackboneConfig", **_: Any) -> "TransformersBackbone":
        """What `AutoBackbone.from_config` calls."""
        return cls(config)

    @property
    def stage_names(self) -> list[str]:
        """Of the maps."""
        return self.config.stage_names

    @property
    def out_features(self) -> list[str]:
        """Of the maps that are given."""
        return self.config.out_features

    @property
    def channels(self) -> list[int]:
        """Of each map."""
        return [self.config.hidden_size] * len(self.out_features)

    def forward_with_filtered_kwargs(self, pixel_values: Tensor, **_: Any) -> "BackboneOutput":
        """As `forward`: there are no hidden states and no attentions to give."""
        return self(pixel_values)

    def forward(self, pixel_values: Float[Tensor, "batch 3 h w"], **_: Any) -> "BackboneOutput":
        """The maps, in `feature_maps`.

        Args:
            pixel_values: normalised by the backbone's mean and std, of any size.

        Raises:
            InputError: if this is only a place for a backbone, or an image is smaller than a patch.
        """
        from transformers.modeling_outputs import BackboneOutput

        if self.fused is None:
            raise InputError(
                "the model's backbone must be assigned before it is called, but is still empty. "
                "Put it where the head keeps it: model.backbone = backbone."
            )
        features = self.fused(pixel_values)
        if self.config.form == "tokens":
            tokens = _tokens(features, self._grid_hw(pixel_values)).to(pixel_values.dtype)
            return BackboneOutput(feature_maps=(tokens,) * len(self.out_features))
        map_ = features.map.to(pixel_values.dtype)
        if self.config.form == "map":
            return BackboneOutput(feature_maps=(map_,))
        return BackboneOutput(feature_maps=_pyramid(map_))

    def _grid_hw(self, pixel_values: Tensor) -> HW:
        """Cells that a head on tokens expects."""
        patch = self.config.patch_size
        height, width = pixel_values.shape[-2:]
        if min(height, width) < patch:
            raise InputError(
                f"pixel_values must be at least {patch} px a side, the patch_size of the backbone, "
                f"but are {height}×{width} px. Give larger images, or a smaller patch_size."
            )
        return height // patch, width // patch


def transformers_backbone(
    multiscale: MultiScale | Backbone,
    *,
    form: BackboneForm = "pyramid",
    patch_size: int | None = None,
    frozen: bool = True,
) -> TransformersBackbone:
    """Multi-scale features for the dense heads of `transformers`.

    A head is built from the backbone's config, then given the backbone:

        backbone = transformers_backbone(multiscale)
        model = UperNetForSemanticSegmentation(UperNetConfig(backbone_config=backbone.config))
        model.backbone = backbone

    The config says the shape alone. The model's `save_pretrained` writes head and backbone, but
    `from_pretrained` brings the head back alone, in a process where this function has been called:
    assign the backbone again. The backbone has no `save_pretrained` of its own. The call tells
    transformers' `AutoConfig` and `AutoBackbone` of the type "polyscale".

    Args:
        multiscale: made by `polyscale.wrap`, or a backbone of `polyscale.load`.
        form: what the head takes.
        patch_size: px of the image a cell, for heads on tokens, which expect a grid of
            image // patch_size; the map is resized to it. None is that of the output grid for an
            image as large as the largest scale, where none is needed.
        frozen: freeze the backbone's parameters, in place. False leaves them as they are.

    Raises:
        InputError: if an argument breaks its rule.
        MissingExtraError: if transformers is not installed.
    """
    require("transformers", extra="transformers", feature="transformers_backbone")
    from transformers import AutoBackbone, AutoConfig

    from polyscale.encoders.transformers_config import PolyscaleBackboneConfig

    if form not in get_args(BackboneForm):
        choices = ", ".join(map(repr, get_args(BackboneForm)))
        raise InputError(
            f"form must be one of {choices}, but got {form!r}. Try 'pyramid', or 'tokens' for DPT."
        )
    if patch_size is not None and (not isinstance(patch_size, int) or patch_size < 1):
        raise InputError(
            f"patch_size must be a whole number of pixels, but got {patch_size!r}. "
            "Leave it out for that of the output grid."
        )
    fused = Fused(multiscale, frozen=frozen)
    config = PolyscaleBackboneConfig(
        form=form,
        hidden_size=fused.channels,
        patch_size=patch_size or _patch_size(fused.multiscale),
    )
    AutoConfig.register(config.model_type, PolyscaleBackboneConfig, exist_ok=True)
    AutoBackbone.register(PolyscaleBackboneConfig, TransformersBackbone, exist_ok=True)
    return TransformersBackbone(config, fused)


def _patch_size(multiscale: MultiScale) -> int:
    plan = multiscale.plan
    return max(1, round(max(level.image_hw[0] for level in plan.levels) / plan.grid_hw[0]))


def _pyramid(map_: Tensor) -> tuple[Tensor, ...]:
    """4, 2, 1 and ½ times the grid, the last rounded up."""
    height, width = map_.shape[-2:]
    sizes = [(height * n, width * n) for n in (4, 2, 1)] + [(-(-height // 2), -(-width // 2))]
    return tuple(resize_map(map_, size) for size in sizes)


def _tokens(features: MultiScaleFeatures, grid_hw: HW) -> Float[Tensor, "batch 1+h*w channels"]:
    """The class token, or the mean cell where there is none, then the cells row by row."""
    cells = resize_map(features.map, grid_hw).flatten(2).transpose(1, 2)
    first = features.prefix[:, :1] if features.has_cls else cells.mean(dim=1, keepdim=True)
    return torch.cat([first, cells], dim=1)
