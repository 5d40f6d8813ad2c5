"""timm's models: everything is read from the model itself."""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

from torch import Tensor, nn

from polyscale.errors import InputError, first_line, near_matches, require
from polyscale.operator.backbones.loading import build_on_meta, check_known, fetching, local_folder
from polyscale.operator.backbones.model_backbone import Call, Layer, ModelBackbone, Reading
from polyscale.operator.backbones.modules import uncompiled
from polyscale.operator.backbones.options import (
    DEFAULTS,
    ReadOptions,
    check_layers,
    no_final_norm,
    pick_layers,
    read_in_order,
)
from polyscale.operator.backbones.positions import map_alone
from polyscale.operator.backbones.preprocessing import Preprocessing, hw_of, read_preprocessing
from polyscale.types import HW

SAFE_TIMM = "1.0.26"
"""Earlier releases read local folders by pickle, which runs code that they hold."""


def is_timm(model: object) -> bool:
    """Whether it has timm's attributes; importing timm to test its class would take a second."""
    return (
        isinstance(model, nn.Module)
        and hasattr(model, "pretrained_cfg")
        and (hasattr(model, "forward_features") or hasattr(model, "feature_info"))
    )


def adapt_timm(
    model: nn.Module,
    options: ReadOptions = DEFAULTS,
    *,
    name: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> ModelBackbone:
    """A live timm model: its last feature map and its prefix tokens, or chosen layers.

    Where another library trained the weights, it knows their `preprocessing`.

    Raises:
        InputError: if its features have no positions, or it does not offer what the options ask.
    """
    given, model = model, uncompiled(model)
    name = options.label(name or _name(model))
    options.refuse("output", "channels_last", by=name, instead="It is read from the model.")
    body = _body(model)
    patch_embed: Any = getattr(body, "patch_embed", None)
    strict = bool(getattr(patch_embed, "strict_img_size", False))
    native, built_hw = timm_preprocessing(model), hw_of(getattr(patch_embed, "img_size", None))
    trained_hw = preprocessing.tile_hw if preprocessing and not strict else None
    reading = Reading(
        name=name,
        call=_call(model, options, name),
        native_hw=trained_hw or built_hw or native.tile_hw,
        fixed_tile=strict,
        instead="Build it for that size: timm.create_model(..., img_size=...)",
        in_channels=getattr(body, "in_chans", 0),
        num_prefix=_num_prefix(body),
        has_cls=getattr(body, "cls_token", None) is not None,
        patch_hw=_patch_hw(patch_embed),
        channels_last=getattr(model, "output_fmt", "NCHW") == "NHWC",
        preprocessing=preprocessing if preprocessing and preprocessing.mean else native,
    )
    # a `features_only` model is called itself, so that it runs compiled where it is
    return ModelBackbone(model if hasattr(model, "forward_features") else given, reading, options)


def _call(model: Any, options: ReadOptions, name: str) -> Call:
    """How the model is called for what the options ask."""
    layers = options.layer_indices or (-1,)
    if not hasattr(model, "forward_features"):
        options.refuse("norm", by=name, instead="Set it in timm.create_model.")
        return partial(_read_maps, layers, name)
    if options.layers is None and options.norm:
        return _read_features
    # features end in a norm of every position
    has_norm = not isinstance(getattr(model, "norm", None), nn.Identity | None)
    if options.layers is None and not has_norm:
        raise no_final_norm(name)
    if not hasattr(model, "forward_intermediates"):
        raise InputError(
            f"layers and norm must be left out for {name}, whose class in timm offers no choice. "
            "Wrap a function that returns the features you want."
        )
    check_layers(layers, len(model.feature_info), name)
    return partial(_read_layers, layers, options.norm and has_norm)


def _read_features(model: Any, tiles: Tensor) -> list[Layer]:
    return [model.forward_features(tiles)]


def _read_maps(layers: Sequence[int], name: str, model: Any, tiles: Tensor) -> list[Layer]:
    """Of a model made with `features_only=True`."""
    maps = model(tiles)
    return pick_layers(list(maps.values() if isinstance(maps, dict) else maps), layers, name)


def _read_layers(layers: Sequence[int], norm: bool, model: Any, tiles: Tensor) -> list[Layer]:
    options: dict[str, Any] = {"norm": norm, "intermediates_only": True, "stop_early": True}
    takes = signature(model.forward_intermediates).parameters
    if _num_prefix(model) and "return_prefix_tokens" in takes:
        options["return_prefix_tokens"] = True
    outputs = read_in_order(
        layers,
        len(model.feature_info),
        lambda indices: model.forward_intermediates(tiles, indices=indices, **options),
    )
    # timm gives them as (tiles, dim, h, w), whatever the model's own layout is
    return [layer if isinstance(layer, tuple) else map_alone(layer) for layer in outputs]


def _body(model: Any) -> Any:
    """The model within the ones that timm makes with `features_only=True`."""
    if hasattr(model, "forward_features"):
        return model
    return getattr(model, "model", None) or getattr(model, "body", None) or model


def _num_prefix(model: Any) -> int:
    tokens = getattr(model, "cls_token", None)
    num_cls = tokens.shape[1] if isinstance(tokens, Tensor) and tokens.ndim == 3 else 0
    return int(getattr(model, "num_prefix_tokens", num_cls))


def _patch_hw(patch_embed: Any) -> HW | None:
    """Pixels of a patch, where the model cuts its tiles into whole ones."""
    if not hasattr(patch_embed, "feat_ratio") or getattr(patch_embed, "dynamic_img_pad", False):
        return None
    return hw_of(patch_embed.feat_ratio(as_scalar=False))


def timm_preprocessing(model: nn.Module) -> Preprocessing:
    """What timm itself does to a picture for this model."""
    from timm.data import resolve_model_data_config

    return read_preprocessing(resolve_model_data_config(model))


def _name(model: Any) -> str:
    config = model.pretrained_cfg
    architecture = config.get("architecture") if isinstance(config, Mapping) else None
    return f"timm:{architecture or type(model).__name__}"


def load_timm(name: str, options: ReadOptions, *, weights: bool) -> ModelBackbone:
    """A timm model by name or by a folder in timm's layout, without its classifier."""
    require("timm", extra="timm", feature=f"timm:{name}", at_least=SAFE_TIMM)
    import timm

    folder = local_folder(name)
    if folder is None:
        _check_name(name, weights)
    target = name if folder is None else f"local-dir:{folder}"
    create = partial(timm.create_model, target, num_classes=0, pretrained=weights)
    try:
        with fetching(f"timm:{name}", "a local folder: timm:PATH"):
            model = create() if weights else build_on_meta(create)
    except Exception as error:  # whatever a damaged file makes timm and its readers raise
        if folder is None:
            raise
        raise InputError(
            f"model folder {str(folder)!r} must be as timm writes it, with config.json and "
            f"weights that fit, but: {first_line(error)}. Save it again with "
            "timm.models.save_for_hf."
        ) from error
    return adapt_built_timm(model, options, name=f"timm:{name}")


def adapt_built_timm(model: Any, options: ReadOptions, *, name: str) -> ModelBackbone:
    """A model that we built ourselves, so its position embeddings may be resampled to the tile."""
    if options.tile_hw is not None and hasattr(model, "set_input_size"):
        model.set_input_size(img_size=options.tile_hw)
    return adapt_timm(model, options, name=name)


def _check_name(name: str, weights: bool) -> None:
    import timm

    architecture, _, tag = name.partition(".")
    hint = "List them with: polyscale models timm"
    check_known("timm", architecture, timm.list_models())
    tagged = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in tagged:
        raise InputError(f"timm has no weights {name!r}.{near_matches(name, tagged)} {hint}")
    if weights and not timm.is_model_pretrained(architecture):
        raise InputError(f"timm has the architecture {name!r} but no weights for it. {hint}")
