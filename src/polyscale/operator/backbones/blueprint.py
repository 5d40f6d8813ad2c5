"""A blueprint: what builds a backbone again, as plain JSON, without its weights."""

import json
from dataclasses import replace
from inspect import isclass, signature
from typing import Any

import torch
from torch import Tensor, nn

from polyscale.errors import InputError, RunError, first_line, require
from polyscale.operator.backbones.dry_run import is_trained
from polyscale.operator.backbones.loading import build_on_meta
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.modules import in_channels_of, is_from
from polyscale.operator.backbones.options import DEFAULTS, ReadOptions
from polyscale.operator.backbones.sources import as_backbone, load_source
from polyscale.operator.backbones.timm_models import is_timm
from polyscale.types import Backbone

Blueprint = dict[str, Any]
"""`source`: where its weights come from, or None. `model`: how its library builds it, or None where
only the source tells. `options`: how it is read. `facts`: its name, mean and standard deviation."""

FACTS = ("name", "mean", "std")

TIMM_DATA = ("input_size", "interpolation", "crop_pct", "mean", "std")
"""Entries of timm's configuration of a model that describe its images."""


def blueprint_of(backbone: Backbone) -> Blueprint:
    """What `build` makes the same architecture from again.

    The backbone was loaded by its name, or is a live model of timm or transformers.

    Raises:
        InputError: if the architecture that comes out differs from the backbone's.
    """
    if not isinstance(backbone, ModelBackbone) or not isinstance(backbone.model, nn.Module):
        raise InputError(
            f"backbone must be a model that a library can build again, but {backbone.name} is a "
            f"{type(getattr(backbone, 'model', backbone)).__name__}. Load it by its name, for "
            "example polyscale.wrap('timm:NAME')."
        )
    options = vars(replace(backbone.options, tile_hw=backbone.tile_hw)).copy()
    del options["processor"]  # an object; the facts hold what it gave
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
        options = ReadOptions(**{k: _tupled(v) for k, v in blueprint["options"].items()})
        facts = {name: _tupled(blueprint["facts"][name]) for name in FACTS}
        backbone = _build(blueprint, options, weights)
    except (InputError, RunError):
        raise
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"blueprint must be what blueprint_of gave, but: {first_line(error)}. Save it again."
        ) from error
    backbone.source = blueprint["source"]
    for name, value in facts.items():
        setattr(backbone, name, value)
    return backbone.eval()


def _tupled(value: Any) -> Any:
    """JSON has lists where there were tuples."""
    return tuple(value) if isinstance(value, list) else value


def _build(blueprint: Blueprint, options: ReadOptions, weights: bool) -> ModelBackbone:
    if blueprint["model"] is not None and not weights:
        backbone = as_backbone(_model(blueprint["model"]), options)
        assert isinstance(backbone, ModelBackbone)
        return backbone
    backbone = load_source(blueprint["source"], options, weights=weights)
    if weights:
        return backbone
    if fixed := fixed_buffers(backbone):
        raise InputError(
            f"{backbone.name} must be loaded with its own weights, as it computes its "
            f"{next(iter(fixed))} while it is built. Save it frozen and as it was loaded."
        )
    return backbone.to_empty(device="cpu")


def has_source_weights(backbone: ModelBackbone) -> bool:
    """Whether the weights are frozen and equal those that loading the source gives."""
    if backbone.source is None or is_trained(backbone):
        return False
    try:
        expected = load_source(backbone.source, backbone.options).state_dict()
    except (InputError, RunError):  # the folder is gone, or the hub out of reach
        return False
    state = {name: tensor.cpu() for name, tensor in backbone.state_dict().items()}
    return state.keys() == expected.keys() and all(
        tensor.dtype == expected[name].dtype and torch.equal(tensor, expected[name])
        for name, tensor in state.items()
    )


def fixed_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Buffers that no state dict holds, since the architecture alone decides what is in them."""
    state = module.state_dict().keys()
    return {name: buffer for name, buffer in module.named_buffers() if name not in state}


def _fits(blueprint: Blueprint, backbone: ModelBackbone) -> bool:
    """Whether building it gives tensors of the same names and shapes as the backbone has."""
    rebuilt: Any
    try:
        if blueprint["model"] is not None:
            rebuilt = build_on_meta(lambda: _model(blueprint["model"]))
        elif backbone.source is not None:
            rebuilt = load_source(backbone.source, backbone.options, weights=False).model
        else:
            return False
    except Exception:  # whatever a library makes of arguments that are not its own
        return False
    models: Any = (rebuilt, backbone.model)
    shapes = [{k: v.shape for k, v in model.state_dict().items()} for model in models]
    return shapes[0] == shapes[1]


def _describe(model: Any) -> dict[str, Any] | None:
    """The model as `_model` builds it; None where its library cannot."""
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
        config = model.pretrained_cfg
        arguments = {
            **getattr(model, "_model_args", {}),
            "num_classes": model.num_classes,
            "in_chans": in_channels_of(model, DEFAULTS),
            "img_size": getattr(getattr(model, "patch_embed", None), "img_size", None),
            "dynamic_img_size": getattr(model, "dynamic_img_size", False) or None,
        }
        return {
            "library": "timm",
            "architecture": config.get("architecture"),
            "arguments": arguments,
            "data": {key: config[key] for key in TIMM_DATA if key in config},
        }
    return None


def _model(description: dict[str, Any]) -> nn.Module:
    """The library's own model, with random weights."""
    library = description["library"]
    if library not in ("timm", "transformers"):
        raise InputError(f"library must be timm or transformers, but got {library!r}.")
    require(library, extra=library, feature="a saved backbone")
    if library == "timm":
        import timm

        name = description["architecture"]
        if not timm.is_model(name):  # nothing is looked up on a hub
            raise InputError(f"timm knows no model {name!r}. Install a newer timm.")
        return timm.create_model(
            name, pretrained_cfg_overlay=description["data"], **description["arguments"]
        )
    import transformers

    name = description["class"]
    kind: Any = getattr(transformers, name, None)
    if not isclass(kind) or not issubclass(kind, transformers.PreTrainedModel):
        raise InputError(f"transformers has no model {name!r}. Install a newer transformers.")
    model_class: Any = kind
    config = model_class.config_class.from_dict(description["config"])
    return model_class(config, **description["arguments"])
