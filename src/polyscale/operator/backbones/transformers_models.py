"""transformers' vision models: CLIP, SigLIP, DINOv2, DINOv3, ViT, ConvNeXt, Swin and the like.

Anything with a vision tower: a whole CLIP, a classifier or a multimodal model is read through its
tower, and an `AutoBackbone` through its feature maps. The features are the model's last hidden
state as it stands: SigLIP, ViT and DINO end in a norm of every token, CLIP does not (its
`post_layernorm` is for the pooled class token alone).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from polyscale.errors import InputError, first_line, require
from polyscale.operator.backbones.loading import build_on_meta, fetching, local_folder
from polyscale.operator.backbones.model_backbone import ModelBackbone, Reading
from polyscale.operator.backbones.modules import uncompiled
from polyscale.operator.backbones.options import DEFAULTS, ReadOptions, no_final_norm, pick_layers
from polyscale.operator.backbones.preprocessing import Preprocessing, hw_of, read_preprocessing
from polyscale.operator.backbones.timm_models import adapt_timm, is_timm, timm_preprocessing
from polyscale.types import HW

TOWERS = ("vision_model", "vision_tower", "vision_encoder", "image_encoder", "visual")
"""Where models of images and text keep the part that sees."""

CLASS_TOKENS = ("cls_token", "class_embedding", "cls_register_token")
PREFIX_TOKENS = (*CLASS_TOKENS, "distillation_token", "register_tokens")
"""Parameters that become tokens before the patches."""

FINAL_NORMS = ("layernorm", "norm", "post_layernorm", "layer_norm", "rms_norm")

ANY_TILE = (
    *("dinov2", "dinov2_with_registers", "dinov3_vit", "dinov3_convnext", "siglip2_vision_model"),
    *("idefics2_vision", "idefics3_vision", "smolvlm_vision", "pixtral", "radio", "swin", "swinv2"),
)
"""Types that fit their positions to any tile. Others refuse, or cut them off without a word, and
some of those fit them where they are told to."""

REFUSED = {
    "vit_mae": "masks and shuffles them. Load the same weights as a ViT: "
    "transformers.ViTModel.from_pretrained(...)",
    "groupvit_vision_model": "merges them into groups that have no place in the image. Use CLIP, "
    "or another model with a token for each patch",
}
"""Types whose output has no positions, and what they do instead to their patches."""

UNUSED = ("pooler", "head", "classifier", "mask_token")
"""Parts that features do not pass through, so that a checkpoint may lack them."""

RESAMPLE = "interpolate_pos_encoding"
"""What tells a model to fit its position embeddings to the tile, bicubically."""


def adapt_transformers(
    model: nn.Module,
    options: ReadOptions = DEFAULTS,
    *,
    name: str | None = None,
    processor: Mapping[str, Any] | None = None,
) -> ModelBackbone:
    """A live transformers model, or the vision tower of one; a compiled one is run as such.

    The configuration of its image processor tells mean, standard deviation and size. Another
    `tile_hw` is taken where the model fits its position embeddings to it; ViT and CLIP do when
    they are told to.

    Raises:
        InputError: if it is no vision model, or does not offer what the options ask.
    """
    bare = uncompiled(model)
    tower: Any = vision_tower(bare)
    config = tower.config
    name = name or f"hf:{getattr(bare.config, 'name_or_path', '') or type(bare).__name__}"
    if hasattr(tower, "timm_model"):
        return adapt_timm(tower.timm_model, options, name=name, preprocessing=_of_timm(config))
    name = options.label(name)
    _check(tower, options, name)
    preprocessing = read_preprocessing(processor or {})
    if is_timm(getattr(tower, "_backbone", None)):
        preprocessing = timm_preprocessing(tower._backbone)
    native_hw = _native_hw(config) or preprocessing.tile_hw
    fixed = _has_position_embeddings(tower) and config.model_type not in ANY_TILE
    resized = native_hw is not None and options.tile_hw not in (None, native_hw)
    resampled = fixed and resized and RESAMPLE in signature(tower.forward).parameters
    num_prefix, has_cls = _prefix_of(tower)
    patch_hw = hw_of(getattr(config, "patch_stride", getattr(config, "patch_size", None)))
    call = _Call(
        name=name,
        patch_hw=patch_hw,
        layers=options.layer_indices,
        num_layers=_num_layers(config),
        norm=options.norm,
        resampled=resampled,
        model_type=config.model_type,
    )
    reading = Reading(
        name=name,
        call=call,
        native_hw=native_hw,
        fixed_tile=fixed and not resampled,
        in_channels=getattr(config, "num_channels", 0),
        num_prefix=num_prefix,
        has_cls=has_cls,
        patch_hw=patch_hw,
        channels_last=None,  # inside, SAM keeps (tiles, h, w, dim)
        preprocessing=preprocessing,
    ).chosen(tower, options)
    if call.looks_inside and not _is_backbone(tower):
        norm = _norm_of_each_position(tower, call, reading)
        reading = replace(reading, call=replace(call, final_norm=norm if options.norm else None))
    return ModelBackbone(model if tower is bare else tower, reading, options)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """The tower's last hidden state, its hidden states or its feature maps."""

    name: str
    patch_hw: HW | None
    layers: tuple[int, ...] | None
    num_layers: int | None
    norm: bool
    resampled: bool
    model_type: str
    final_norm: str | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether it needs more than the model's own output."""
        return self.layers is not None or not self.norm

    def __call__(self, tower: Any, tiles: Tensor) -> list[Tensor]:
        output = self.run(tower, tiles)
        if "feature_maps" in output:
            maps = list(output.feature_maps)
            return maps if self.layers is None else pick_layers(maps, self.layers, self.name)
        if self.looks_inside:
            # the hidden states begin with the embeddings, which are no layer
            hidden = output.hidden_states[-(self.num_layers or len(output.hidden_states)) :]
            layers = pick_layers(hidden, self.layers or (-1,), self.name)
            norm = getattr(uncompiled(tower), self.final_norm) if self.final_norm else None
            outputs = [_normed(layer, norm) for layer in layers]
        else:
            outputs = [output.last_hidden_state]
        if self.model_type == "pixtral":  # it gives the tokens of all tiles in one row
            return [layer.reshape(len(tiles), -1, layer.shape[-1]) for layer in outputs]
        return outputs

    def run(self, tower: Any, tiles: Tensor) -> Any:
        """The model's own output."""
        inputs: dict[str, Any] = {"pixel_values": tiles}
        if self.model_type == "siglip2_vision_model":  # it takes patches, of any aspect
            inputs = _packed(tiles, self.patch_hw)
        if self.resampled:
            inputs[RESAMPLE] = True
        output = tower(**inputs, output_hidden_states=self.looks_inside, return_dict=True)
        if "feature_maps" not in output and "last_hidden_state" not in output:
            raise InputError(
                f"model {self.name} must give a last hidden state, but gives "
                f"{', '.join(output)}. Wrap its vision tower."
            )
        return output


def vision_tower(model: Any) -> Any:
    """The part that takes images alone; the model itself where it is that part."""
    if _is_backbone(model) or hasattr(model, "timm_model"):
        return model
    for name in TOWERS:
        if hasattr(getattr(model, name, None), "config"):
            return vision_tower(getattr(model, name))
    base = getattr(model, "base_model", model)
    if base is not model and "pixel_values" in signature(base.forward).parameters:
        return vision_tower(base)
    parameters = list(signature(model.forward).parameters)
    if "pixel_values" not in parameters:
        raise InputError(
            f"model must take images, but {type(model).__name__} takes "
            f"{', '.join(parameters[:2])}. Wrap a vision model, or the vision tower of this one."
        )
    return model


def _check(tower: Any, options: ReadOptions, name: str) -> None:
    """Refuse what can be refused before the model is run."""
    config = tower.config
    options.refuse("output", "channels_last", by=name, instead="It is read from the model.")
    if _is_backbone(tower):
        options.refuse("norm", by=name, instead="Its config says which maps have a norm.")
    if config.model_type in REFUSED:
        raise InputError(
            f"model {name} must keep every patch in its place, but {REFUSED[config.model_type]}."
        )
    if hasattr(config, "num_frames") or hasattr(config, "frames_per_clip"):
        raise InputError(
            f"model {name} must take single images, but takes videos. Wrap a function that calls "
            "it with one frame and returns (tiles, dim, h, w)."
        )


def _of_timm(config: Any) -> Preprocessing | None:
    """What transformers' processor for timm's checkpoints reads from their configuration."""
    pretrained = getattr(config, "pretrained_cfg", None)
    if not pretrained:
        return None
    from timm.data import resolve_data_config

    return read_preprocessing(resolve_data_config(pretrained))


def _is_backbone(model: Any) -> bool:
    return hasattr(model, "out_features") and hasattr(model, "forward_with_filtered_kwargs")


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
    size = hw_of(getattr(config, "image_size", None))
    if size is None and hasattr(config, "num_patches"):  # SigLIP 2 counts patches of a square
        patch, side = hw_of(config.patch_size) or (1, 1), round(config.num_patches**0.5)
        return side * patch[0], side * patch[1]
    return size


def _prefix_of(tower: Any) -> tuple[int, bool]:
    """How many tokens stand before the patches, and whether the first is a class token."""
    if tower.config.model_type == "dinov3_convnext":  # puts the mean where a class token would be
        return 1, True
    num_tokens = {
        name.rpartition(".")[2]: parameter.numel() // parameter.shape[-1]
        for name, parameter in tower.named_parameters()
        if name.rpartition(".")[2] in PREFIX_TOKENS and not name.startswith("head.")
    }
    return sum(num_tokens.values()), not set(CLASS_TOKENS).isdisjoint(num_tokens)


def _has_position_embeddings(tower: Any) -> bool:
    names = [name for name, _ in (*tower.named_parameters(), *tower.named_buffers())]
    return any("position" in name or "pos_embed" in name for name in names)


def _num_layers(config: Any) -> int | None:
    stages = getattr(config, "depths", None)
    num = len(stages) if stages else getattr(config, "num_hidden_layers", None)
    return num if isinstance(num, int) else None


def _norm_of_each_position(tower: Any, call: _Call, reading: Reading) -> str | None:
    """Name of the last norm, where the model applies it to every position."""
    names = [n for n in FINAL_NORMS if not isinstance(getattr(tower, n, None), nn.Identity | None)]
    shapes: list[tuple[int, ...]] = []
    if names:
        hook = getattr(tower, names[0]).register_forward_pre_hook(
            lambda _, args: shapes.append(tuple(args[0].shape))
        )
        try:
            reading.probe(tower, call.run)
        finally:
            hook.remove()
        # CLIP and ConvNeXt norm the pooled vector (1, dim) alone
        if any(len(shape) == 3 and shape[1] > 1 for shape in shapes):
            return names[0]
    if call.layers is None and not call.norm:
        raise no_final_norm(call.name)
    return None


def _normed(features: Tensor, norm: nn.Module | None) -> Tensor:
    """A stage of another width has not been under the last norm, and stays as it is."""
    width = getattr(norm, "weight", torch.empty(0)).shape[0]
    if norm is None or width != features.shape[1 if features.ndim == 4 else -1]:
        return features
    if features.ndim == 4:
        return norm(features.movedim(1, -1)).movedim(-1, 1)
    return norm(features)


def load_transformers(name: str, options: ReadOptions, *, weights: bool) -> ModelBackbone:
    """A transformers model by its name on the hub or its folder: the vision tower alone."""
    require("transformers", extra="transformers", feature=f"hf:{name}")
    import transformers
    from transformers.image_processing_base import ImageProcessingMixin

    target = str(local_folder(name) or name)
    config = _fetch(partial(transformers.AutoConfig.from_pretrained, target), name)
    vision = getattr(config, "vision_config", None)
    if type(vision) in transformers.MODEL_MAPPING:  # the tower can be built alone
        config = vision
    if weights:
        model = _load(target, config, name)
    else:
        model = build_on_meta(partial(transformers.AutoModel.from_config, config))
    try:
        processor = ImageProcessingMixin.get_image_processor_dict(target)[0]
    except OSError:  # there is none
        processor = {}
    return adapt_transformers(model, options, name=f"hf:{name}", processor=processor)


def _load(target: str, config: Any, name: str) -> nn.Module:
    from transformers import AutoModel

    load = partial(AutoModel.from_pretrained, target, config=config, output_loading_info=True)
    model, info = _fetch(load, name)
    missing = [k for k in info["missing_keys"] if not any(part in k for part in UNUSED)]
    if missing:
        raise InputError(
            f"hf:{name}: the weights must fill {type(model).__name__}, but {len(missing)} of its "
            f"tensors are missing, the first {sorted(missing)[0]}. Check that config.json belongs "
            "to them."
        )
    # float32: `dtype` of wrap decides what the model computes in
    return model.float()


def _fetch(load: Any, name: str) -> Any:
    try:
        with fetching(f"hf:{name}", "a local folder: hf:PATH"):
            return load(trust_remote_code=False)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"hf:{name} must be a model that transformers knows: {first_line(error)}. Code in a "
            "repository is never run; load the model yourself and wrap it."
        ) from error
