"""A backbone and its scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

from polyscale.checks import is_real
from polyscale.errors import InputError

MAX_SCALE = 1000
"""Anything larger is taken for a typing mistake."""


def check_scales(scales: Iterable[float]) -> tuple[float, ...]:
    """The scales, NumPy's numbers included, as a tuple of Python numbers.

    Raises:
        InputError: if there is no scale, or one is not positive or is repeated.
    """
    if not isinstance(scales, Iterable) or isinstance(scales, str):
        raise InputError(f"scales must be a sequence, but got {scales!r}. Try scales=(1, 2).")
    checked = tuple(map(_check_scale, scales))
    if not checked:
        raise InputError("scales must hold at least one scale, but is empty. Try scales=(1, 2).")
    names = [format_scale(scale) for scale in checked]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(
            f"scales must not repeat, but got {repeated[0]} twice in {checked}. "
            "Name each scale once."
        )
    return checked


def _check_scale(scale: object) -> float:
    if not is_real(scale) or not 0 < scale <= MAX_SCALE:
        shown = f"{scale:.3g}" if isinstance(scale, float) else repr(scale)[:40]
        raise InputError(
            f"scales must be positive numbers of at most {MAX_SCALE}, but got {shown}. "
            "Write scales=(1, 2) for once and twice the base size."
        )
    return int(scale) if isinstance(scale, Integral) else float(scale)


def format_scale(scale: float) -> str:
    """`1`, `1.5`: a scale as short as it can be written."""
    return f"{scale:g}"


@dataclass(frozen=True)
class Candidate:
    """A backbone and its scales: one answer to the question which model to use.

    Written `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`; without `@`, scale 1.
    """

    backbone: str
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", check_scales(self.scales))

    @classmethod
    def parse(cls, text: str) -> Candidate:
        """Read `SOURCE@SCALES`.

        Raises:
            InputError: if the source is empty or the scales are not numbers.
        """
        source, at, scales = text.rpartition("@")
        if not at:
            source, scales = text, "1"
        if not source:
            raise InputError(
                f"candidate must be SOURCE@SCALES, but got {text!r}. "
                "Example: pip:efficientnet_lite0@1,2"
            )
        try:
            numbers = [float(part) for part in scales.split(",")]
        except ValueError:
            raise InputError(
                f"candidate {text!r}: scales must be numbers with commas between, "
                f"but got {scales!r}. Example: {source}@1,2"
            ) from None
        return cls(source, tuple(int(n) if n == int(n) else n for n in check_scales(numbers)))

    def __str__(self) -> str:
        return f"{self.backbone}@{','.join(format_scale(s) for s in self.scales)}"
