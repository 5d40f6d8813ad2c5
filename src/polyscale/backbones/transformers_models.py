"""transformers' vision models: CLIP, SigLIP, DINOv2, DINOv3, ViT, ConvNeXt, Swin and the like.

Anything with a vision tower: a whole CLIP, a classifier or a multimodal model is read through its
tower, and an `AutoBackbone` through its feature maps. The features are the model's last hidden
state as it stands: SigLIP, ViT and DINO end in a norm of every token, CLIP does not (its
`post_layernorm` is for the pooled class token alone).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from polyscale.backbones.model_backbone import Channels, ModelBackbone, ModelFacts, is_from
from polyscale.backbones.options import ReadOptions, pick_layers
from polyscale.backbones.positions import concatenate, has_aspect, map_alone, split_tokens
from polyscale.backbones.probe import probe
from polyscale.backbones.timm_models import adapt_timm
from polyscale.errors import InputError
from polyscale.types import HW, TileFeatures

TOWERS = ("vision_model", "vision_tower", "vision_encoder", "image_encoder", "visual")
"""Where models of images and text keep the part that sees."""

PREFIX_TOKENS = ("cls_token", "class_embedding", "distillation_token", "register_tokens")
"""Parameters that become tokens before the patches."""

FINAL_NORMS = ("layernorm", "norm", "post_layernorm", "layer_norm")

INTERPOLATING = (
    "dinov2",
    "dinov2_with_registers",
    "dinov3_vit",
    "dinov3_convnext",
    "siglip2_vision_model",
)
"""Types that fit their position embeddings to any tile. Others refuse, or cut them off unseen; some
of these fit them where they are told to."""

RESAMPLE = "interpolate_pos_encoding"
"""What tells a model to fit its position embeddings to the tile, bicubically."""


def is_transformers(model: object) -> bool:
    """Whether it is a transformers model."""
    return isinstance(model, nn.Module) and is_from(model, "transformers")


def adapt_transformers(
    model: nn.Module,
    options: ReadOptions | None = None,
    *,
    name: str | None = None,
    processor: Mapping[str, Any] | None = None,
) -> ModelBackbone:
    """A live transformers model, or the vision tower of one.

    Args:
        model: any vision model of transformers.
        options: `tile_hw` is taken where the model fits its position embeddings to it; ViT and CLIP
            do when they are told to.
        name: how results call it.
        processor: configuration of its image processor, for mean, standard deviation and size.

    Raises:
        InputError: if it is no vision model, or does not offer what the options ask.
    """
    options, processor = options or ReadOptions(), processor or {}
    tower: Any = vision_tower(model)
    name = name or f"hf:{getattr(model.config, 'name_or_path', '') or type(model).__name__}"
    if hasattr(tower, "timm_model"):
        return adapt_timm(tower.timm_model, options, name=name)
    name = options.label(name)
    options.refuse("output", "channels_last", by=name, instead="transformers' models tell it.")
    if _is_backbone(tower):
        options.refuse("norm", by=name, instead="Its config says which maps have a norm.")
    config = tower.config
    native_hw = _native_hw(config) or _processor_hw(processor)
    tile_hw = options.tile_hw or native_hw
    if tile_hw is None:
        raise InputError(
            f"tile_hw must be given for {name}, whose config has no image_size. "
            "Example: polyscale.wrap(model, tile_hw=(224, 224))"
        )
    fixed = _has_positions(tower) and config.model_type not in INTERPOLATING
    resampled = fixed and native_hw is not None and tile_hw != native_hw
    if resampled and RESAMPLE not in signature(tower.forward).parameters:
        raise InputError(
            f"tile_hw must be {native_hw} for {name}, whose position embeddings are for that size, "
            f"but got {tile_hw}. Leave it out."
        )
    num_prefix, has_cls = _prefix_of(tower)
    read = _Reader(
        name=name,
        num_prefix=num_prefix if options.num_prefix is None else options.num_prefix,
        patch_hw=_pair(getattr(config, "patch_stride", getattr(config, "patch_size", None))),
        layers=options.layer_indices,
        num_layers=_num_layers(config),
        norm=options.norm,
        resampled=resampled,
    )
    if read.looks_inside and not _is_backbone(tower):
        read = replace(read, final_norm=_norm_of_each_position(tower, read, tile_hw))
    facts = ModelFacts(
        name=name,
        tile_hw=tile_hw,
        has_cls=has_cls,
        fixed_tile=True if fixed and not resampled else None,
        mean=_channels(processor, "image_mean"),
        std=_channels(processor, "image_std"),
    )
    return ModelBackbone(tower, read, facts)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    name: str
    num_prefix: int
    patch_hw: HW | None
    layers: tuple[int, ...] | None
    num_layers: int | None
    norm: bool
    resampled: bool = False
    final_norm: str | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether it needs more than the model's own output."""
        return self.layers is not None or not self.norm

    def __call__(self, tower: Any, tiles: Tensor) -> TileFeatures:
        output = self.run(tower, tiles)
        if "feature_maps" in output:
            maps = [map_alone(m) for m in output.feature_maps]
            chosen = maps if self.layers is None else pick_layers(maps, self.layers, self.name)
            return concatenate(chosen, self.name)
        if not self.looks_inside:
            return self._split(output.last_hidden_state, tiles)
        # the hidden states begin with the embeddings, which are no layer
        hidden = output.hidden_states[-(self.num_layers or len(output.hidden_states)) :]
        layers = pick_layers(hidden, self.layers or (-1,), self.name)
        norm = getattr(tower, self.final_norm) if self.norm and self.final_norm else None
        normed = [_normed(layer, norm) for layer in layers]
        return concatenate([self._split(layer, tiles) for layer in normed], self.name)

    def run(self, tower: Any, tiles: Tensor) -> Any:
        """The model's own output, refused where it has no positions."""
        inputs: dict[str, Any] = (
            _packed(tiles, self.patch_hw) if _is_naflex(tower) else {"pixel_values": tiles}
        )
        if self.resampled:
            inputs[RESAMPLE] = True
        output = tower(**inputs, output_hidden_states=self.looks_inside, return_dict=True)
        if "ids_restore" in output:
            raise InputError(
                f"model {self.name} must keep every patch in its place, but masks and shuffles "
                "them. Load the same weights as a ViT: transformers.ViTModel.from_pretrained(...)"
            )
        if "feature_maps" not in output and "last_hidden_state" not in output:
            raise InputError(
                f"model {self.name} must give a last hidden state, but gives "
                f"{', '.join(output)}. Wrap its vision tower."
            )
        return output

    def _split(self, features: Tensor, tiles: Tensor) -> TileFeatures:
        tile_hw = (tiles.shape[-2], tiles.shape[-1])
        if features.ndim == 4:
            # inside, SAM keeps (tiles, h, w, dim)
            shape = features.shape
            last = not has_aspect(shape[2:], tile_hw) and has_aspect(shape[1:3], tile_hw)
            return map_alone(features.movedim(-1, 1) if last else features)
        if features.ndim != 3:
            raise InputError(
                f"model {self.name} must give a map or tokens for each tile, but gives "
                f"{tuple(features.shape)}. Wrap a function that returns (tiles, dim, h, w)."
            )
        patch_hw = self.patch_hw
        return split_tokens(
            features,
            num_prefix=self.num_prefix,
            tile_hw=tile_hw,
            patches_hw=(tile_hw[0] // patch_hw[0], tile_hw[1] // patch_hw[1]) if patch_hw else None,
            name=self.name,
        )


def vision_tower(model: Any) -> Any:
    """The part that takes images alone; the model itself where it is that part.

    Raises:
        InputError: if it has none.
    """
    if _is_backbone(model) or hasattr(model, "timm_model"):
        return model
    for name in TOWERS:
        if hasattr(getattr(model, name, None), "config"):
            return vision_tower(getattr(model, name))
    base = getattr(model, "base_model", model)
    if base is not model and "pixel_values" in signature(base.forward).parameters:
        return vision_tower(base)
    if getattr(model, "main_input_name", "pixel_values") != "pixel_values":
        raise InputError(
            f"model must take images, but {type(model).__name__} takes {model.main_input_name}. "
            "Wrap a vision model, or the vision tower of this one."
        )
    return model


def _is_backbone(model: Any) -> bool:
    return hasattr(model, "out_features") and hasattr(model, "forward_with_filtered_kwargs")


def _is_naflex(tower: Any) -> bool:
    """SigLIP 2 with native aspect, which takes patches instead of pixels."""
    return tower.config.model_type == "siglip2_vision_model"


def _packed(tiles: Tensor, patch_hw: HW | None) -> dict[str, Tensor]:
    """Tiles as SigLIP 2's image processor packs them."""
    assert patch_hw is not None
    num, _, height, width = tiles.shape
    grid_h, grid_w = height // patch_hw[0], width // patch_hw[1]
    cut = tiles[..., : grid_h * patch_hw[0], : grid_w * patch_hw[1]]
    # (tiles, 3, h·p, w·q) → (tiles, h, w, p, q, 3) → (tiles, h·w, p·q·3)
    cells = cut.unflatten(3, (grid_w, patch_hw[1])).unflatten(2, (grid_h, patch_hw[0]))
    patches = cells.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
    return {
        "pixel_values": patches,
        "pixel_attention_mask": patches.new_ones(patches.shape[:2], dtype=torch.long),
        "spatial_shapes": torch.tensor([[grid_h, grid_w]] * num, device="cpu"),
    }


def _native_hw(config: Any) -> HW | None:
    size = _pair(getattr(config, "image_size", None))
    if size is None and hasattr(config, "num_patches"):  # SigLIP 2 counts patches of a square
        patch, side = _pair(config.patch_size) or (1, 1), round(config.num_patches**0.5)
        return side * patch[0], side * patch[1]
    return size


def _processor_hw(processor: Mapping[str, Any]) -> HW | None:
    """Of the crop, or else of the resize, that the image processor ends with."""
    for key in ("crop_size", "size"):
        size = processor.get(key)
        if isinstance(size, Mapping):
            sides = ("height", "width") if "height" in size else ("shortest_edge",) * 2
            size = tuple(size.get(side, 0) for side in sides)
        if size and size != (0, 0):
            return _pair(size)
    return None


def _pair(value: int | Sequence[int] | None) -> HW | None:
    """Height and width of a number or a pair; None of what is neither."""
    if isinstance(value, int):
        return value, value
    return (value[0], value[1]) if value is not None and len(value) == 2 else None


def _prefix_of(tower: Any) -> tuple[int, bool]:
    """How many tokens stand before the patches, and whether the first is a class token."""
    if tower.config.model_type == "dinov3_convnext":  # puts the mean where a class token would be
        return 1, True
    found = {
        name.rpartition(".")[2]: parameter.shape[1] if parameter.ndim == 3 else 1
        for name, parameter in tower.named_parameters()
        if name.rpartition(".")[2] in PREFIX_TOKENS
    }
    return sum(found.values()), bool({"cls_token", "class_embedding"} & set(found))


def _has_positions(tower: Any) -> bool:
    names = [name for name, _ in (*tower.named_parameters(), *tower.named_buffers())]
    return any("position" in name or "pos_embed" in name for name in names)


def _num_layers(config: Any) -> int | None:
    num = getattr(config, "num_hidden_layers", None)
    stages = getattr(config, "depths", None)
    return len(stages) if stages else num if isinstance(num, int) else None


def _norm_of_each_position(tower: Any, read: _Reader, tile_hw: HW) -> str | None:
    """Name of the last norm, where the model applies it to every position.

    Raises:
        InputError: if the user wants to do without it and there is none.
    """
    norms = ((name, getattr(tower, name, None)) for name in FINAL_NORMS)
    found = [
        (n, m) for n, m in norms if isinstance(m, nn.Module) and not isinstance(m, nn.Identity)
    ]
    shapes: list[tuple[int, ...]] = []
    if found:
        name, norm = found[0]
        hook = norm.register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
        try:
            probe(partial(read.run, tower), tile_hw, like=tower, name=read.name)
        finally:
            hook.remove()
        # CLIP and ConvNeXt norm the pooled vector (1, dim) alone
        if any(len(shape) == 3 and shape[1] > 1 for shape in shapes):
            return name
    if read.layers is None and not read.norm:
        raise InputError(
            f"norm must be True for {read.name}, which applies no final norm to each position, "
            "but got False. Leave it out."
        )
    return None


def _normed(features: Tensor, norm: nn.Module | None) -> Tensor:
    """A stage of another width has not been under the last norm, and stays as it is."""
    width = getattr(norm, "weight", torch.empty(0)).shape[0]
    if norm is None or width != features.shape[1 if features.ndim == 4 else -1]:
        return features
    if features.ndim == 4:
        return norm(features.movedim(1, -1)).movedim(-1, 1)
    return norm(features)


def _channels(processor: Mapping[str, Any], key: str) -> Channels | None:
    """Mean or standard deviation, as the image processor applies it to an image in 0..1."""
    values = processor.get(key)
    if not processor.get("do_normalize", True):
        return None
    return tuple(float(v) for v in values) if isinstance(values, list | tuple) else None
