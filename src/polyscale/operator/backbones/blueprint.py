"""A blueprint: what builds a backbone again, as plain JSON, without its weights."""

import json
from dataclasses import replace
from inspect import isclass, signature
from typing import Any

import torch
from torch import Tensor, nn

from polyscale.errors import InputError, RunError, first_line, require
from polyscale.operator.backbones.adapt import as_backbone
from polyscale.operator.backbones.dry_run import is_trained
from polyscale.operator.backbones.loading import build_on_meta
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.modules import in_channels_of, is_from
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.backbones.sources import load_source
from polyscale.operator.backbones.timm_models import is_timm
from polyscale.types import Backbone

Blueprint = dict[str, Any]
"""`source`: where its weights come from, or None. `model`: how its library builds it, or None where
only the source tells. `options`: how it is read. `facts`: its name, mean and standard deviation."""

FACTS = ("name", "mean", "std")

NO_JSON = ("processor",)
"""Reading options that are objects; the facts say what came of them."""

TIMM_DATA = ("input_size", "interpolation", "crop_pct", "mean", "std")
"""Entries of timm's configuration of a model that describe its images."""


def blueprint_of(backbone: Backbone) -> Blueprint:
    """A description from which `build` makes the same architecture again.

    Args:
        backbone: loaded by its name, or a live model of timm or transformers.

    Raises:
        InputError: if the architecture that comes out differs from the backbone's.
    """
    if not isinstance(backbone, ModelBackbone) or not isinstance(backbone.model, nn.Module):
        raise InputError(
            f"backbone must be a model that a library can build again, but {backbone.name} is a "
            f"{type(getattr(backbone, 'model', backbone)).__name__}. Load it by its name, for "
            "example polyscale.wrap('timm:NAME')."
        )
    options = vars(replace(backbone.options, tile_hw=backbone.tile_hw))
    options = {name: value for name, value in options.items() if name not in NO_JSON}
    facts = {name: getattr(backbone, name) for name in FACTS}
    for model in (_describe(backbone.model), None):
        blueprint = {"source": backbone.source, "model": model, "options": options, "facts": facts}
        if _fits(blueprint, backbone):
            return json.loads(json.dumps(blueprint))
    raise InputError(
        f"backbone must be as its library builds it, but {backbone.name} has been changed, or "
        f"{type(backbone.model).__name__} cannot be built from what it says of itself. Load it by "
        "its name, for example polyscale.wrap('timm:NAME')."
    )


def build(blueprint: Blueprint, *, weights: bool = False) -> ModelBackbone:
    """The architecture, in evaluation mode and ready for `load_state_dict`.

    Args:
        blueprint: what `blueprint_of` gave. No code that comes with it is run.
        weights: whether to load those that its source gives. Without them they are random.

    Raises:
        InputError: if it is anything else, or has no source to load weights from.
        RunError: if the weights cannot be fetched.
    """
    try:
        backbone = _built(blueprint, weights)
        facts = {name: blueprint["facts"][name] for name in FACTS}
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, InputError | RunError):
            raise
        raise InputError(
            f"blueprint must be what blueprint_of gave, but: {first_line(error)}. Save it again."
        ) from error
    backbone.source = blueprint["source"]
    for name, value in facts.items():
        setattr(backbone, name, tuple(value) if isinstance(value, list) else value)
    return backbone.eval()


def has_source_weights(backbone: ModelBackbone) -> bool:
    """Whether the weights are frozen and equal those that loading the source gives."""
    if backbone.source is None or is_trained(backbone):
        return False
    try:
        again = load_source(backbone.source, backbone.options).state_dict()
    except (InputError, RunError):  # the folder is gone, or the hub out of reach
        return False
    own = backbone.state_dict()
    return own.keys() == again.keys() and all(_equal(own[name], again[name]) for name in own)


def fixed_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Buffers that no state dict holds, since the architecture alone decides what is in them."""
    state = module.state_dict().keys()
    return {name: buffer for name, buffer in module.named_buffers() if name not in state}


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one.cpu(), other.cpu())


def _fits(blueprint: Blueprint, backbone: ModelBackbone) -> bool:
    """Whether building it gives tensors of the same names and shapes as the backbone has."""
    again: Any
    model: Any = backbone.model
    try:
        if blueprint["model"] is not None:
            again = build_on_meta(lambda: _model(blueprint["model"]))
        elif backbone.source is not None:
            again = load_source(backbone.source, backbone.options, weights=False).model
        else:
            return False
    except Exception:  # whatever a library makes of arguments that are not its own
        return False
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (again, model)]
    return shapes[0] == shapes[1]


def _emptied(backbone: ModelBackbone) -> ModelBackbone:
    """Memory for the tensors of an architecture that has none."""
    if fixed := fixed_buffers(backbone):
        raise InputError(
            f"{backbone.name} must be loaded with its own weights, as it computes its "
            f"{next(iter(fixed))} while it is built. Save it frozen and as it was loaded."
        )
    return backbone.to_empty(device="cpu")


def _built(blueprint: Blueprint, weights: bool) -> ModelBackbone:
    options = _options(blueprint["options"])
    if weights:
        return load_source(blueprint["source"], options)
    if blueprint["model"] is None:
        return _emptied(load_source(blueprint["source"], options, weights=False))
    backbone = as_backbone(_model(blueprint["model"]), options)
    assert isinstance(backbone, ModelBackbone)
    return backbone


def _options(found: dict[str, Any]) -> ReadOptions:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    return ReadOptions(**values)


def _describe(model: Any) -> dict[str, Any] | None:
    if is_from(model, "transformers"):
        config = json.loads(model.config.to_json_string(use_diff=False))
        config.pop("_name_or_path", None)  # may be a path on this machine
        takes = signature(type(model)).parameters
        bare = "add_pooling_layer" in takes and getattr(model, "pooler", None) is None
        return {
            "library": "transformers",
            "class": type(model).__name__,
            "config": config,
            "arguments": {"add_pooling_layer": False} if bare else {},
        }
    if is_timm(model):
        known = model.pretrained_cfg
        return {
            "library": "timm",
            "architecture": known.get("architecture"),
            "arguments": _timm_arguments(model),
            "data": {key: known[key] for key in TIMM_DATA if key in known},
        }
    return None


def _timm_arguments(model: Any) -> dict[str, Any]:
    """The arguments that build the model again, read from timm's record and from the model."""
    return {
        **getattr(model, "_model_args", {}),
        "num_classes": model.num_classes,
        "in_chans": in_channels_of(model, ReadOptions()),
        "img_size": getattr(getattr(model, "patch_embed", None), "img_size", None),
        "dynamic_img_size": getattr(model, "dynamic_img_size", False) or None,
    }


def _model(found: dict[str, Any]) -> nn.Module:
    """The library's own, with random weights."""
    library = found["library"]
    if library not in ("timm", "transformers"):
        raise InputError(f"library must be timm or transformers, but got {library!r}.")
    require(library, extra=library, feature="a saved backbone")
    return _timm_model(found) if library == "timm" else _transformers_model(found)


def _timm_model(found: dict[str, Any]) -> nn.Module:
    import timm

    if not timm.is_model(found["architecture"]):  # nothing is looked up on a hub
        raise InputError(f"timm knows no model {found['architecture']!r}. Install a newer timm.")
    return timm.create_model(
        found["architecture"], pretrained_cfg_overlay=found["data"], **found["arguments"]
    )


def _transformers_model(found: dict[str, Any]) -> nn.Module:
    import transformers

    kind: Any = getattr(transformers, found["class"], None)
    if not (isclass(kind) and issubclass(kind, transformers.PreTrainedModel)):
        raise InputError(
            f"transformers has no model {found['class']!r}. Install a newer transformers."
        )
    build: Any = kind
    return build(build.config_class.from_dict(found["config"]), **found["arguments"])
