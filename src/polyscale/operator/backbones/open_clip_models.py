"""open_clip's visual towers, before their pooling and projection.

The Vision Transformer's features are its tokens after `ln_post`, which open_clip applies to every
token before it takes the class token (transformers' CLIP applies it to the class token alone; with
`norm=False` the two agree). Where open_clip pools first, `ln_post` is left out.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from polyscale.errors import InputError, require
from polyscale.operator.backbones.loading import (
    build_on_meta,
    check_known,
    check_tag,
    fetching,
    local_folder,
)
from polyscale.operator.backbones.model_backbone import Call, Layer, ModelBackbone, Reading
from polyscale.operator.backbones.modules import uncompiled
from polyscale.operator.backbones.options import (
    DEFAULTS,
    ReadOptions,
    check_layers,
    no_final_norm,
    read_in_order,
)
from polyscale.operator.backbones.preprocessing import hw_of, read_preprocessing
from polyscale.operator.backbones.timm_models import adapt_timm


def adapt_open_clip(
    model: nn.Module, options: ReadOptions = DEFAULTS, *, name: str | None = None
) -> ModelBackbone:
    """A live open_clip model, or its visual tower.

    Raises:
        InputError: if it has no visual tower, or does not offer what the options ask.
    """
    model = uncompiled(model)
    name = name or f"open_clip:{type(model).__name__}"
    visual: Any = getattr(model, "visual", model)
    native_hw = hw_of(getattr(visual, "image_size", None))
    config = getattr(visual, "preprocess_cfg", {})
    preprocessing = replace(read_preprocessing(config), tile_hw=native_hw)
    if hasattr(visual, "trunk"):
        return adapt_timm(visual.trunk, options, name=name, preprocessing=preprocessing)
    if not hasattr(visual, "forward_intermediates") or native_hw is None:
        raise InputError(
            f"model must have a visual tower, but {type(model).__name__} has none that can be "
            "read. Wrap a function that returns (tiles, dim, h, w)."
        )
    name = options.label(name)
    options.refuse(
        "output", "channels_last", "num_prefix", by=name, instead="It is read from the model."
    )
    is_vit = hasattr(visual, "transformer")
    reading = Reading(
        name=name,
        call=_call(visual, options, name, is_vit),
        native_hw=native_hw,
        fixed_tile=is_vit,
        instead="Leave it out, or load the model by its name: open_clip:NAME/TAG?tile=SIDE "
        "resamples them.",
        has_cls=is_vit,
        preprocessing=preprocessing,
    )
    return ModelBackbone(visual, reading, options)


def _call(visual: Any, options: ReadOptions, name: str, is_vit: bool) -> Call:
    has_norm = (
        is_vit
        and getattr(visual, "attn_pool", None) is None
        and not getattr(visual, "final_ln_after_pool", False)
    )
    if not options.norm and not has_norm and options.layers is None:
        raise no_final_norm(name)
    # a residual network has its stem and four stages
    num_layers = len(visual.transformer.resblocks) if is_vit else 5
    layers = options.layer_indices or (-1,)
    check_layers(layers, num_layers, name)
    return partial(_read_layers, layers, num_layers, options.norm and has_norm)


def _read_layers(
    layers: Sequence[int], num_layers: int, norm: bool, visual: Any, tiles: Tensor
) -> list[Layer]:
    def read(indices: list[int]) -> list[Layer]:
        outputs = visual.forward_intermediates(
            tiles,
            indices=indices,
            stop_early=True,
            normalize_intermediates=norm,
            intermediates_only=True,
            output_extra_tokens=True,
        )
        maps = outputs["image_intermediates"]
        prefixes = outputs.get("image_intermediates_prefix")
        return list(zip(maps, prefixes, strict=True)) if prefixes else maps

    return read_in_order(layers, num_layers, read)


def load_open_clip(name: str, options: ReadOptions, *, weights: bool) -> ModelBackbone:
    """An open_clip model by `NAME/TAG`, where the tag may be a file of weights, or by its folder.

    Another tile size resamples the position embeddings, as open_clip does it.
    """
    require("open_clip", extra="open_clip", feature=f"open_clip:{name}")
    import open_clip

    folder = local_folder(name)
    architecture, _, tag = name.partition("/")
    if folder is None:
        check_known("open_clip", architecture, open_clip.list_models())
        if weights:
            tags = open_clip.list_pretrained_tags_by_model(architecture)
            check_tag(f"open_clip:{architecture}", tag, tags)
        create = partial(open_clip.create_model, architecture, **_training(architecture, tag))
    else:
        create = partial(open_clip.create_model, f"local-dir:{folder}", load_weights=weights)
        tag = ""
    if options.tile_hw is not None:
        create = partial(create, force_image_size=options.tile_hw)
    create = partial(create, pretrained_text=False)
    if weights:
        create = partial(create, pretrained=tag or None, require_pretrained=True, weights_only=True)
        with fetching(f"open_clip:{name}", "a file: open_clip:NAME/PATH", RuntimeError), _quiet():
            model = create()
    else:
        with _quiet():
            model = build_on_meta(partial(create, device="meta"))
    return adapt_open_clip(model, options, name=f"open_clip:{name}")


def _training(architecture: str, tag: str) -> dict[str, Any]:
    """How the weights were trained: kind of GELU, mean and standard deviation.

    open_clip knows it of its tags alone, and only warns of another GELU. A file gets the mean and
    standard deviation of the architecture's first tag.
    """
    import open_clip

    config = open_clip.get_pretrained_cfg(architecture, tag)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    nearest = config or (open_clip.get_pretrained_cfg(architecture, tags[0]) if tags else {})
    return {
        "force_quick_gelu": bool(config.get("quick_gelu")),
        "force_preprocess_cfg": {key: nearest[key] for key in ("mean", "std") if key in nearest},
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without open_clip's warnings through the root logger; our errors say the same."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
