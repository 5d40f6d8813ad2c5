"""The backbone as transformers' own are written. Imports transformers."""

import json
from dataclasses import replace
from itertools import chain
from math import ceil
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.backbone_utils import BackboneConfigMixin, BackboneMixin
from transformers.modeling_outputs import BackboneOutput
from transformers.utils.generic import can_return_tuple

from polyscale.encoders.shared import resize_map
from polyscale.errors import InputError
from polyscale.operator.backbones.blueprint import build
from polyscale.operator.multiscale import MultiScale, MultiScaleConfig, MultiScaleFeatures
from polyscale.types import HW

PYRAMID = (4, 2, 1, 0.5)
"""Cells of each stage for a cell of the output grid, along an axis."""


class PolyscaleBackboneConfig(BackboneConfigMixin, PreTrainedConfig):  # type: ignore[misc]
    """What a head must know to be built, and what builds the backbone again.

    Attributes:
        form: see `BackboneForm`.
        hidden_size: channels of every map.
        patch_size: pixels of the image for each cell that a head expects, along an axis.
        num_channels: of the images.
        blueprint: of the backbone; None where it cannot be built again.
        operator: the choices of `MultiScaleConfig`.
        frozen: whether the backbone is not trained.
    """

    # Where nothing is registered, transformers shows this name in a KeyError: it says what to do.
    model_type = "polyscale.encoders.register()"

    def __init__(
        self,
        form: str = "pyramid",
        hidden_size: int = 1,
        patch_size: int | None = 16,
        num_channels: int = 3,
        blueprint: dict[str, Any] | None = None,
        operator: dict[str, Any] | None = None,
        frozen: bool = True,
        out_features: list[str] | None = None,
        out_indices: list[int] | None = None,
        **options: Any,
    ) -> None:
        self.form = form
        self.hidden_size = hidden_size
        self.patch_size = patch_size
        self.num_channels = num_channels
        self.blueprint = blueprint
        self.operator = operator
        self.frozen = frozen
        num_stages = 1 if form == "map" else len(PYRAMID)
        self.stage_names = [f"stage{i + 1}" for i in range(num_stages)]
        self.set_output_features_output_indices(out_features, out_indices)
        options.pop("stage_names", None)
        super().__init__(**options)


class TransformersBackbone(BackboneMixin, PreTrainedModel):  # type: ignore[misc]
    """A `MultiScale` as an `AutoBackbone`.

    Built from its config alone, it begins with the weights of the source that its backbone was
    loaded from, or with random ones where there is no source, as every model of transformers does.

    Args:
        config: of `polyscale.encoders.transformers_backbone`.
        multiscale: what gives the features; None builds it.
    """

    config_class = PolyscaleBackboneConfig
    base_model_prefix = "polyscale"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    has_attentions = False
    supports_gradient_checkpointing = True

    def __init__(
        self, config: PolyscaleBackboneConfig, multiscale: MultiScale | None = None
    ) -> None:
        super().__init__(config)
        self.num_features = [config.hidden_size] * len(config.stage_names)
        self._on_meta = torch.empty(0).is_meta  # as `from_pretrained` builds
        self.multiscale = multiscale or self._build()
        self.post_init()

    def _build(self) -> MultiScale | None:
        blueprint = self.config.blueprint
        if blueprint is None:
            return None
        with torch.device("cpu"):
            named = blueprint["source"] is not None
            backbone = build(blueprint, weights=named and not self._on_meta)
            config = MultiScaleConfig.from_json(json.dumps(self.config.operator))
            multiscale = MultiScale(backbone, config=config, frozen=self.config.frozen)
        return multiscale.to("meta") if self._on_meta else multiscale

    def _initialize_weights(self, module: nn.Module, *_: Any) -> None:
        """What no file brings is as the library makes it; all else keeps its values."""
        if module is not self or not self._on_meta or self.multiscale is None:
            return
        self.multiscale.requires_grad_(not self.config.frozen)  # lost as parameters are replaced
        tensors = _tensors(self.multiscale.backbone)
        missing = [n for n, t in tensors.items() if not getattr(t, "_is_hf_initialized", False)]
        if missing:
            initial = _tensors(build(self.config.blueprint))
            for name in missing:
                tensors[name].copy_(initial[name])

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether activations of a chunk of tiles are computed again in the backward pass."""
        return self.multiscale is not None and self.multiscale.config.checkpoint

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, enable: bool) -> None:
        if self.multiscale is not None:
            config = replace(self.multiscale.config, checkpoint=enable)
            self.multiscale = MultiScale(
                self.multiscale.backbone, config=config, frozen=self.multiscale.frozen
            )

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        pixel_values: Float[Tensor, "batch channels h w"],
        output_hidden_states: bool | None = None,
        **options: Any,
    ) -> BackboneOutput:
        """The maps of `out_features`, in `feature_maps`.

        Args:
            pixel_values: normalised by the backbone's mean and std, of any size.
            output_hidden_states: give the maps of all stages as well.
            options: of other backbones, which mean nothing here.

        Raises:
            InputError: if there is no backbone yet, or an image is smaller than a patch.
        """
        if self.multiscale is None:
            raise InputError(
                "the model's backbone must be assigned before it is called, but is still empty. "
                "Put it where the head keeps it: model.backbone = backbone."
            )
        hidden = output_hidden_states
        hidden = self.config.output_hidden_states if hidden is None else hidden
        features = self.multiscale(pixel_values)
        names = self.stage_names if hidden else self.out_features
        stages = dict(zip(names, self._stages(features, pixel_values, names), strict=True))
        return BackboneOutput(
            feature_maps=tuple(stages[name] for name in self.out_features),
            hidden_states=tuple(stages.values()) if hidden else None,
        )

    def _stages(
        self, features: MultiScaleFeatures, pixel_values: Tensor, names: list[str]
    ) -> list[Tensor]:
        dtype = pixel_values.dtype
        if self.config.form == "tokens":
            return [_tokens(features, self._grid_hw(pixel_values)).to(dtype)] * len(names)
        map_ = features.map.to(dtype)
        if self.config.form == "map":
            patched = self.config.patch_size is not None
            return [resize_map(map_, self._grid_hw(pixel_values)) if patched else map_]
        factors = [PYRAMID[self.stage_names.index(name)] for name in names]
        height, width = map_.shape[-2:]
        return [resize_map(map_, (ceil(height * f), ceil(width * f))) for f in factors]

    def _grid_hw(self, pixel_values: Tensor) -> HW:
        """Cells that the head expects."""
        patch = self.config.patch_size
        height, width = pixel_values.shape[-2:]
        if min(height, width) < patch:
            raise InputError(
                f"pixel_values must be at least {patch} px a side, the patch_size of the backbone, "
                f"but are {height}×{width} px. Give larger images, or a smaller patch_size."
            )
        return height // patch, width // patch


def _tensors(module: Any) -> dict[str, Tensor]:
    return dict(chain(module.named_parameters(), module.named_buffers()))


def _tokens(features: MultiScaleFeatures, grid_hw: HW) -> Float[Tensor, "batch 1+h*w channels"]:
    """The class token, or the mean cell where there is none, then the cells row by row."""
    cells = resize_map(features.map, grid_hw).flatten(2).transpose(1, 2)
    first = features.prefix[:, :1] if features.has_cls else cells.mean(dim=1, keepdim=True)
    return torch.cat([first, cells], dim=1)
