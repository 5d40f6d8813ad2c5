"""A vision tower of several scales that works inside transformers' LLaVA."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import can_return_tuple
from typing_extensions import Self

from polyscale.errors import InputError
from polyscale.language.config import S2VisionConfig
from polyscale.operator.backbones import as_backbone, is_trained
from polyscale.operator.multiscale import MultiScale, MultiScaleFeatures
from polyscale.operator.multiscale.features import PartFeatures
from polyscale.types import HW


class S2VisionModel(PreTrainedModel):  # type: ignore[misc]
    """A vision model of transformers run over several scales by the operator of polyscale.

    Used where LLaVA has a CLIP: `LlavaConfig(vision_config=S2VisionConfig(…))`. Its tokens are one
    merged class token, where the backbone has one, and the cells of the output grid row by row.

    Args:
        config: see `S2VisionConfig`.
        backbone: the vision model; None builds it with random weights, as in every model of
            transformers.
    """

    config_class = S2VisionConfig
    base_model_prefix = "s2"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _no_split_modules = ("S2VisionModel",)
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: S2VisionConfig, backbone: nn.Module | None = None) -> None:
        super().__init__(config)
        self.backbone = (
            AutoModel.from_config(config.backbone_config) if backbone is None else backbone
        )
        # not modules of the tower: they hold its backbone, which would be saved several times
        self._readers: dict[Any, MultiScale] = {}
        self.gradient_checkpointing = False
        self.post_init()
        self._freeze()

    @property
    def patch_size(self) -> int:
        """Side in pixels of the part of an image which becomes a token."""
        return self.config.patch_size

    def get_input_embeddings(self) -> nn.Module:
        """Those of the backbone."""
        backbone: Any = self.backbone
        return backbone.get_input_embeddings()

    def train(self, mode: bool = True) -> Self:
        """Training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.config.frozen and not is_trained(self):
            self.backbone.eval()
        return self

    def check_layers(self, layers: int | Sequence[int]) -> None:
        """Refuse hidden states that the tower cannot give.

        Raises:
            InputError: with those that it can.
        """
        _layers(layers, self.config)

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        pixel_values: Float[Tensor, "batch channels h w"],
        output_hidden_states: bool | int | Sequence[int] | None = None,
        **options: Any,
    ) -> BaseModelOutputWithPooling:
        """Tokens of images.

        Args:
            pixel_values: as the image processor of `make_llava` gives them: normalised, and of
                `config.image_size` pixels a side.
            output_hidden_states: hidden states to give, counted as LLaVA does: 1 is the first
                layer, -1 the last one. True gives all layers.
            options: of other towers, which mean nothing here.

        Returns:
            `hidden_states` in which the others are None; or, if none is asked for, the backbone's
            own output as `last_hidden_state`. Each is (batch, class token + cells, channels).

        Raises:
            InputError: if the images have another size, or there is no such layer.
        """
        config = self.config
        self._check_size((pixel_values.shape[-2], pixel_values.shape[-1]))
        layers = _layers(output_hidden_states, config)
        wanted = None if layers is None else tuple(layer - 1 for layer in layers)
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and (is_trained(self) or pixel_values.requires_grad)
        ):
            features = self._reader(wanted)(pixel_values)
        if layers is None:
            return BaseModelOutputWithPooling(last_hidden_state=_tokens(features))
        hidden: list[Tensor | None] = [None] * (config.num_hidden_layers + 1)
        parts = [features] if len(layers) == 1 else features.layers
        for layer, part in zip(layers, parts, strict=True):
            hidden[layer] = _tokens(part)
        return BaseModelOutputWithPooling(hidden_states=tuple(hidden))

    def _reader(self, layers: tuple[int, ...] | None) -> MultiScale:
        """The operator over the backbone, which is tried once for each choice of layers."""
        key = (layers, self._recomputes())
        if key not in self._readers:
            backbone = as_backbone(self.backbone, self.config.read_options(layers))
            config = self.config.multiscale(checkpoint=self._recomputes())
            self._readers[key] = MultiScale(backbone, config=config)
        return self._readers[key]

    def _recomputes(self) -> bool:
        """Whether the operator does gradient checkpointing, for a backbone that does none."""
        own = any(hasattr(part, "gradient_checkpointing") for part in self.backbone.modules())
        return self.gradient_checkpointing and self.training and not own

    def _check_size(self, image_hw: HW) -> None:
        size = self.config.image_size
        fits = min(image_hw) == size and (self.config.image_mode == "keep" or max(image_hw) == size)
        if not fits:
            raise InputError(
                f"pixel_values must be images of {size}×{size} px for scales {self.config.scales}, "
                f"but are {image_hw[0]}×{image_hw[1]} px. Use the image processor of make_llava, "
                "or set the size of yours."
            )

    def _freeze(self) -> None:
        if self.config.frozen:
            self.backbone.requires_grad_(False).eval()

    def _initialize_weights(self, module: nn.Module, *options: Any) -> None:
        """Called after weights are loaded, which makes every parameter trainable."""
        super()._initialize_weights(module, *options)
        if module is self:
            self._freeze()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": {}}


def _layers(chosen: bool | int | Sequence[int] | None, config: S2VisionConfig) -> list[int] | None:
    """Indices of hidden states, from 1 for the first layer, each once and in ascending order."""
    num = config.num_hidden_layers
    assert num is not None
    if chosen is None or chosen is False:
        return None
    if chosen is True:
        return [num] if config.has_stages else list(range(1, num + 1))
    asked = [chosen] if isinstance(chosen, int) else list(chosen)
    if config.has_stages and any(layer not in (-1, num) for layer in asked):
        raise InputError(
            f"vision_feature_layer must be -1 for {config.backbone_config.model_type}, whose "
            f"layers differ in size, but got {chosen}. Set vision_feature_layer=-1."
        )
    for layer in asked:
        if not (1 <= layer <= num or -num <= layer <= -1):
            raise InputError(
                f"vision_feature_layer must be from 1 to {num}, or from {-num} to -1, as the tower "
                f"has {num} layers, but got {layer}."
            )
    return sorted({layer % (num + 1) for layer in asked})


def _tokens(part: MultiScaleFeatures | PartFeatures) -> Float[Tensor, "batch tokens channels"]:
    """The class token, where there is one, and the cells: other prefix tokens have no place."""
    return torch.cat([part.prefix[:, : part.has_cls], part.map.flatten(2).mT], dim=1)
