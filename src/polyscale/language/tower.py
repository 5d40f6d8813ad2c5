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
from polyscale.language.grids import scales_run
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
        build = AutoModel.from_config
        self.backbone = build(config.backbone_config) if backbone is None else nn.Identity()
        # not modules of the tower: they hold its backbone, which would be saved several times
        self._readers: dict[Any, MultiScale] = {}
        self.gradient_checkpointing = False
        self.post_init()
        if backbone is not None:  # only now, as `post_init` gives random weights to what it finds
            self.backbone = backbone
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
        image_sizes: Any = None,
        **options: Any,
    ) -> BaseModelOutputWithPooling:
        """Tokens of images.

        Args:
            pixel_values: as the image processor of `make_llava` gives them: normalised, and of a
                size that fits the tower.
            output_hidden_states: hidden states to give, counted as LLaVA does: 1 is the first
                layer, -1 the last one. True gives all layers.
            image_sizes: height and width in pixels of each image, without the padding of the
                batch, where the grid follows the picture.
            options: of other towers, which mean nothing here.

        Returns:
            `hidden_states` in which the others are None; or, if none is asked for, the backbone's
            own output as `last_hidden_state`. Each is (batch, class token + cells, channels), or
            (1, cells of all images, channels) with `image_sizes`.

        Raises:
            InputError: if the images have another size, or there is no such layer.
        """
        chosen = _layers(output_hidden_states, self.config)
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and (is_trained(self) or pixel_values.requires_grad)
        ):
            outputs = self._run(pixel_values, image_sizes, chosen)
        if chosen is None:
            return BaseModelOutputWithPooling(last_hidden_state=outputs[0])
        hidden: list[Tensor | None] = [None] * (self.config.num_hidden_layers + 1)
        for layer, output in zip(chosen, outputs, strict=True):
            hidden[layer] = output
        return BaseModelOutputWithPooling(hidden_states=tuple(hidden))

    def _run(self, images: Tensor, image_sizes: Any, chosen: list[int] | None) -> list[Tensor]:
        """The tokens of each chosen layer."""
        layers = None if chosen is None else tuple(layer - 1 for layer in chosen)
        if image_sizes is None:
            return self._run_alike(images, layers)
        # images of one size in one call, whatever stands between them
        sizes = [(int(height), int(width)) for height, width in image_sizes]
        by_image: dict[int, list[Tensor]] = {}
        for height, width in dict.fromkeys(sizes):
            which = [i for i, size in enumerate(sizes) if size == (height, width)]
            outputs = self._run_alike(images[which, :, :height, :width], layers)
            for place, i in enumerate(which):
                by_image[i] = [output[place] for output in outputs]
        in_order = [by_image[i] for i in range(len(sizes))]
        return [torch.cat(tokens)[None] for tokens in zip(*in_order, strict=True)]

    def _run_alike(self, images: Tensor, layers: tuple[int, ...] | None) -> list[Tensor]:
        """The tokens of each chosen layer for images of one size."""
        config = self.config
        image_hw = (images.shape[-2], images.shape[-1])
        module = self._reader(layers)
        slots = [*range(len(module.scales))]
        if config.image_mode == "dynamic":
            run = scales_run(module.scales, config.tile_size, image_hw)
            num_tiles = image_hw[0] * image_hw[1] // config.tile_size**2
            slots = [run.index(s if s in run else max(run)) for s in module.scales]
            module = module.with_options(scales=run, max_tiles=num_tiles)
        elif config.image_mode == "keep":
            self._check_size(min(image_hw) == config.image_size, image_hw)
            grid_hw = (image_hw[0] // config.patch_size, image_hw[1] // config.patch_size)
            module = module.with_options(output_grid=grid_hw)
        else:
            self._check_size(image_hw == (config.image_size,) * 2, image_hw)
        features = module(images)
        parts = features.layers if layers and len(layers) > 1 else [features]
        return [_tokens(part, slots if config.merge == "concat" else [0]) for part in parts]

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

    def _check_size(self, fits: bool, image_hw: HW) -> None:
        if not fits:
            size = self.config.image_size
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


def _tokens(
    part: MultiScaleFeatures | PartFeatures, slots: Sequence[int]
) -> Float[Tensor, "batch tokens channels"]:
    """The class token, where there is one, and the cells: other prefix tokens have no place.

    Args:
        part: of all scales that were run.
        slots: for each scale of the tower, which of them stands for it.
    """
    cells = part.map.flatten(2).mT
    tokens = torch.cat([part.prefix[:, :1], cells], dim=1) if part.has_cls else cells
    num_run = max(slots) + 1
    if len(slots) == num_run:
        return tokens
    scales = tokens.chunk(num_run, dim=-1)
    return torch.cat([scales[slot] for slot in slots], dim=-1)
