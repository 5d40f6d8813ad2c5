"""Settings of the four arms of Table 4: which backbones are trained, how, and how often."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from polyscale.errors import InputError
from polyscale.learning.pretraining import PretrainSettings
from polyscale.stats import MIN_SEEDS
from polyscale.types import check_scales

BASE, LARGER, DURING = "base", "larger", "base-s2"
"""Names of the backbones: small, larger, and small but trained at several scales."""


@dataclass(frozen=True, kw_only=True)
class ArmsSettings:
    """Settings of a small version of Table 4: pre-training with and without S² (section 4.3).

    Attributes:
        base: how the small model is trained at one scale; its seed is that of the first training.
        larger: name of the larger model, like `base.model`; it is otherwise trained like the small
            one.
        larger_args: arguments of the larger model, like `base.model_args`.
        scales: scales of the small model, in training or only afterwards.
        seeds: number of trainings of each backbone, at least 3.
        share: share of the training images of each class that backbones are trained on, above 0 and
            below 1; heads are trained on the others.
    """

    base: PretrainSettings
    larger: str
    larger_args: Mapping[str, Any] = field(default_factory=dict)
    scales: tuple[float, ...] = (1, 2)
    seeds: int = MIN_SEEDS
    share: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", check_scales(self.scales))
        if self.base.scales != (1,):
            raise InputError(
                f"base must be trained at scale 1, but got scales {self.base.scales}. Give the "
                "scales of the arms as `scales`."
            )
        if len(self.scales) < 2 or 1 not in self.scales:
            raise InputError(f"scales must be 1 and at least one other, but got {self.scales}.")
        if type(self.seeds) is not int or self.seeds < MIN_SEEDS:
            raise InputError(
                f"seeds must be at least {MIN_SEEDS}, so that the spread of trainings is known, "
                f"but got {self.seeds!r}."
            )
        if not (isinstance(self.share, float) and 0 < self.share < 1):
            raise InputError(f"share must be above 0 and below 1, but got {self.share!r}.")

    def trainings(self, number: int) -> dict[str, PretrainSettings]:
        """Name of each backbone → settings of its training `number`, counted from 0."""
        base = replace(self.base, seed=self.base.seed + number)
        return {
            BASE: base,
            LARGER: replace(base, model=self.larger, model_args=dict(self.larger_args)),
            DURING: replace(base, scales=self.scales),
        }


def parse_model(text: str, option: str = "model") -> tuple[str, dict[str, Any]]:
    """`vit_tiny_patch16_224?img_size=14&depth=4` → name of the timm model, and its arguments.

    >>> parse_model("vit_tiny_patch16_224?img_size=14&class_token=false")
    ('vit_tiny_patch16_224', {'img_size': 14, 'class_token': False})

    Raises:
        InputError: if an argument has no value; it calls the text by the name of its `option`.
    """
    name, _, query = text.partition("?")
    args: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        if not (key and value):
            raise InputError(
                f"{option} must be NAME?ARGUMENT=VALUE&…, but got {text!r}. "
                "Example: vit_tiny_patch16_224?img_size=14&patch_size=2"
            )
        try:
            args[key] = json.loads(value)
        except json.JSONDecodeError:
            args[key] = value
    return name, args
