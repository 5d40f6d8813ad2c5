"""`as_backbone`: whatever a user hands over → a `Backbone`."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from torch import Tensor, nn

from polyscale.operator.backbones.callables import adapt_callable
from polyscale.operator.backbones.modules import uncompiled
from polyscale.operator.backbones.open_clip_models import adapt_open_clip, is_open_clip
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.backbones.sources import load_source
from polyscale.operator.backbones.timm_models import adapt_timm, is_timm
from polyscale.operator.backbones.torchvision_models import adapt_torchvision, is_torchvision
from polyscale.operator.backbones.transformers_models import adapt_transformers, is_transformers
from polyscale.types import Backbone

FAMILIES: tuple[tuple[Callable[[object], bool], Callable[..., Backbone]], ...] = (
    (is_timm, adapt_timm),
    (is_transformers, adapt_transformers),
    (is_open_clip, adapt_open_clip),
    (is_torchvision, adapt_torchvision),
)
"""How a live model is recognised, without importing its library, and what adapts it."""


def as_backbone(
    model: str | nn.Module | Callable[[Tensor], Any], options: ReadOptions | None = None
) -> Backbone:
    """The model behind the face of a `Backbone`, by the adapter of its family.

    Args:
        model: a source such as `timm:NAME`, a live model, perhaps compiled, a `Backbone`, which
            stays what it is, or any callable from tiles to features.
        options: how to read it.

    Raises:
        InputError: if the tile size can't be read from the model and is not given, or the model
            does not offer what the options ask.
    """
    options = options or ReadOptions()
    if isinstance(model, str):
        return load_source(model, options)
    if isinstance(model, Backbone):
        names = [field.name for field in fields(options)]
        options.refuse(
            *names, by=f"{model.name}, a Backbone", instead="Set it where the Backbone is made."
        )
        return model
    for belongs, adapt in FAMILIES:
        if belongs(uncompiled(model)):
            return adapt(model, options)
    return adapt_callable(model, options)
