"""Every choice about the operator, as data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from inspect import signature
from typing import Any, Literal, TypedDict, get_args

import torch

from polyscale.checks import check_choice, check_flag, check_integers
from polyscale.errors import InputError, check_options
from polyscale.operator.multiscale.fuse import Merge
from polyscale.operator.multiscale.precision import Precision, check_precision
from polyscale.operator.multiscale.tables import PrefixRule
from polyscale.operator.plan import Aspect, Tiling, Window, check_hw
from polyscale.types import HW, SOURCES, Source, short_repr

COMPILE_ARGUMENTS = tuple(signature(torch.compile).parameters)

REMOVED = {"devices": " Run one process for each GPU, or set distributed=True."}
"""Options of earlier versions, and what to do instead."""

OutputGridSize = Literal["auto", "base", "largest"] | HW


@dataclass(frozen=True, kw_only=True)
class MultiScaleConfig(Tiling):
    """The choices of the operator: those of `Tiling`, and these. All of it goes to JSON and back.

    Attributes:
        source: whether larger scales are resized from the input itself ("native") or from the
            input shrunk to the model's own size ("base").
        antialias: whether images are smoothed where they shrink. False is the kernel of the
            reference package, which LLaVA's checkpoints were trained with.
        output_grid: cells of the output: those of the model's own tile ("base"), those of the
            largest level ("largest"), or any (height, width). "auto" is "base", except with
            aspect "keep": then it is the grid of the image at scale 1, so that the map has the
            aspect of the image, too; and with "dynamic", where it is that of the largest level.
        prefix: what becomes of prefix tokens, see `PrefixRule`.
        merge: how scales are put together, see `Merge`.
        tile_batch: tiles that go through the model at once; "auto" measures what half of the free
            memory allows, at most 64. On a CPU it is as many as fit into 4 MiB, which stay in its
            cache, but at least 8.
        dtype: what the model computes in, see `Precision`; pooling stays in float32.
        compile: compile the model with `torch.compile`; a dict holds its arguments, for example
            {"mode": "max-autotune"}.
        checkpoint: keep no activations for the backward pass, and compute each chunk again there.
        distributed: split the tiles of every call over the processes of `torch.distributed`. All of
            them must call with the same images, and all get the whole result.
    """

    source: Source = "native"
    antialias: bool = True
    output_grid: OutputGridSize = "auto"
    prefix: PrefixRule = "mean"
    merge: Merge = "concat"
    tile_batch: int | Literal["auto"] = "auto"
    dtype: Precision = "fp32"
    compile: bool | dict[str, Any] = False
    checkpoint: bool = False
    distributed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("source", self.source, SOURCES)
        check_choice("prefix", self.prefix, get_args(PrefixRule))
        check_choice("merge", self.merge, get_args(Merge))
        check_precision(self.dtype)
        check_flag("antialias", self.antialias)
        check_flag("checkpoint", self.checkpoint)
        check_flag("distributed", self.distributed)
        _check_compile(self.compile)
        object.__setattr__(self, "output_grid", _checked_grid(self.output_grid))
        check_integers(self, "tile_batch", word="auto")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "MultiScaleConfig":
        """From options by name.

        Raises:
            InputError: if there is no option of that name, or a value breaks its rule.
        """
        known = sorted(f.name for f in fields(cls))
        check_options(options, known, of="the operator", advice=REMOVED)
        return cls(**options)

    def __repr__(self) -> str:
        return short_repr(self)

    def to_json(self) -> str:
        """The choices as JSON.

        Raises:
            InputError: if an argument of `compile` cannot be written.
        """
        try:
            return json.dumps(asdict(self))
        except TypeError as error:
            raise InputError(
                f"compile must hold text and numbers to be saved, but {error}. "
                "Name the backend, or leave it out."
            ) from error

    @classmethod
    def from_json(cls, text: str) -> "MultiScaleConfig":
        """What `to_json` wrote.

        Raises:
            InputError: if it holds anything else.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, json.JSONDecodeError) as error:
            raise InputError(f"configuration must be what to_json wrote, but: {error}.") from error


class Options(TypedDict, total=False):
    """The fields of `MultiScaleConfig` beside the scales, for editors and type checkers."""

    aspect: Aspect
    overlap: float
    window: Window
    shifted: bool
    split: bool
    max_tiles: int
    source: Source
    antialias: bool
    output_grid: OutputGridSize
    prefix: PrefixRule
    merge: Merge
    tile_batch: int | Literal["auto"]
    dtype: Precision
    compile: bool | dict[str, Any]
    checkpoint: bool
    distributed: bool


def _check_compile(choice: object) -> None:
    if not isinstance(choice, bool | dict):
        raise InputError(
            "compile must be True, False or a dict of arguments of torch.compile, "
            f"but got {choice!r}."
        )
    for name in choice if isinstance(choice, dict) else ():
        if name not in COMPILE_ARGUMENTS:
            raise InputError(
                f"compile must hold arguments of torch.compile, but {name!r} is not one. "
                "Example: compile={'mode': 'max-autotune'}"
            )


def _checked_grid(grid: Any) -> OutputGridSize:
    if isinstance(grid, str) and grid in ("auto", "base", "largest"):
        return grid  # type: ignore[return-value]
    try:
        return check_hw("output_grid", grid)
    except InputError:
        raise InputError(
            "output_grid must be 'auto', 'base', 'largest' or (height, width) in cells, "
            f"but got {grid!r}."
        ) from None
