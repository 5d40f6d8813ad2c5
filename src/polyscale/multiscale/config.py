"""Everything that is chosen about the operator, as data."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from polyscale.errors import InputError
from polyscale.multiscale.fuse import Merge, PrefixRule
from polyscale.multiscale.precision import Precision, check_precision
from polyscale.plan import Tiling, check_flag
from polyscale.types import HW, SOURCES, Source

OutputGridSize = Literal["base", "largest"] | HW


@dataclass(frozen=True, kw_only=True)
class MultiScaleConfig:
    """The choices of the operator. All of it goes to JSON and back.

    Attributes:
        tiling: how images are cut.
        source: whether larger scales are resized from the input itself ("native") or from the
            input shrunk to the model's own size ("base").
        output_grid: cells of the output: those of the model's own tile ("base"), those of the
            largest level ("largest"), or any (height, width).
        prefix: what becomes of prefix tokens, see `PrefixRule`.
        merge: how scales are put together, see `Merge`.
        tile_batch: tiles that go through the model at once; "auto" measures what half of the free
            memory allows, at most 64 on a GPU and 8 on a CPU.
        dtype: what the model computes in; pooling stays in float32.
        compile: compile the model for one static tile shape; the last chunk is padded.
        checkpoint: keep no activations for the backward pass, and compute each chunk again there.
    """

    tiling: Tiling = field(default_factory=Tiling)
    source: Source = "native"
    output_grid: OutputGridSize = "base"
    prefix: PrefixRule = "mean"
    merge: Merge = "concat"
    tile_batch: int | Literal["auto"] = "auto"
    dtype: Precision = "fp32"
    compile: bool = False
    checkpoint: bool = False

    def __post_init__(self) -> None:
        check_precision(self.dtype)
        check_flag("compile", self.compile)
        check_flag("checkpoint", self.checkpoint)
        for name, choices in (
            ("source", SOURCES),
            ("prefix", get_args(PrefixRule)),
            ("merge", get_args(Merge)),
        ):
            if getattr(self, name) not in choices:
                options = " or ".join(map(repr, choices))
                raise InputError(f"{name} must be {options}, but got {getattr(self, name)!r}.")
        object.__setattr__(self, "output_grid", _checked_grid(self.output_grid))
        if self.tile_batch != "auto" and (
            not isinstance(self.tile_batch, int) or self.tile_batch < 1
        ):
            raise InputError(f"tile_batch must be at least 1, but got {self.tile_batch!r}.")

    @classmethod
    def of(cls, **options: Any) -> "MultiScaleConfig":
        """From flat options: those of `Tiling` and of this class by name.

        Raises:
            InputError: if there is no option of that name, or a value breaks its rule.
        """
        tiling_names = {f.name for f in fields(Tiling)}
        own_names = {f.name for f in fields(cls)} - {"tiling"}
        for name in options:
            if name not in tiling_names | own_names:
                known = ", ".join(sorted(tiling_names | own_names))
                raise InputError(f"{name} is no option of the operator. It has {known}.")
        tiling = Tiling(**{k: v for k, v in options.items() if k in tiling_names})
        return cls(tiling=tiling, **{k: v for k, v in options.items() if k in own_names})

    def with_scales(self, scales: tuple[float, ...]) -> "MultiScaleConfig":
        """The same choices with other scales."""
        return replace(self, tiling=replace(self.tiling, scales=scales))

    def to_json(self) -> str:
        """The choices as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "MultiScaleConfig":
        """What `to_json` wrote.

        Raises:
            InputError: if it holds anything else.
        """
        try:
            found = json.loads(text)
            tiling = found.pop("tiling")
            tiling["scales"] = tuple(tiling["scales"])
            return cls(tiling=Tiling(**tiling), **found)
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
            raise InputError(f"configuration must be what to_json wrote, but: {error}.") from error


def _checked_grid(grid: Any) -> OutputGridSize:
    if isinstance(grid, str) and grid in ("base", "largest"):
        return grid  # type: ignore[return-value]
    if isinstance(grid, list | tuple) and len(grid) == 2:
        height, width = grid
        if all(isinstance(n, int) and n >= 1 for n in (height, width)):
            return height, width
    raise InputError(
        f"output_grid must be 'base', 'largest' or (height, width) in cells, but got {grid!r}."
    )
