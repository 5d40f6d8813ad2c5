"""What a run may hold besides its rows: cascades, controls, probes, the data, failures, time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """A small model that passes on images of which it is unsure; curves by rising cost.

    Attributes:
        small: the candidate that answers first.
        large: the candidate behind it.
        kind: whether that is the same model at several scales, or a larger one.
        axis: the kind of cost.
        share: of images that go on.
        cost: mean of an image.
        accuracy: of the cascade.
        random_accuracy: where as many go on, drawn at random.
        area_gain: mean gain over random choice.
        chosen: `threshold`, `share`, `cost` and `accuracy` of the point that was chosen
            beforehand, if one was.
    """

    small: str
    large: str
    kind: Literal["s2", "larger"]
    axis: str
    share: list[float]
    cost: list[float]
    accuracy: list[float]
    random_accuracy: list[float]
    area_gain: float
    chosen: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Control:
    """A candidate against something else of its kind; `reason` where that could not run."""

    candidate: str
    control: str
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    difference: float | None = None
    diff_low: float | None = None
    diff_high: float | None = None
    p_value: float | None = None
    macs: float | None = None
    latency_ms: float | None = None
    feature_dim: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Probes:
    """What other heads make of a candidate's features."""

    knn: Mapping[str, float] | None = None
    few_shot: list[Mapping[str, float]] = field(default_factory=list)
    features: Mapping[str, float] | None = None
    seeds: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Data:
    """The images: how many of each class, and what was found wrong with them.

    Attributes:
        name: of the data.
        about: how it was split.
        num_train: training images.
        num_test: test images.
        classes: training and test images of each class; empty for targets without one.
        report: `unreadable`, `near_duplicates` and `remarks`, as `DataReport.to_dict` writes them.
    """

    name: str
    about: str
    num_train: int
    num_test: int
    classes: Mapping[str, list[int]] = field(default_factory=dict)
    report: Mapping[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A candidate that could not be judged."""

    candidate: str
    error: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Extras:
    """All of it; what was not asked for is empty or None."""

    cascades: tuple[Cascade, ...] = ()
    controls: tuple[Control, ...] = ()
    probes: Mapping[str, Probes] = field(default_factory=dict)
    data: Data | None = None
    failures: tuple[Failure, ...] = ()
    timing: Mapping[str, Any] | None = None


def _known(make: Callable[..., Made], row: Mapping[str, Any]) -> Made:
    """Fields that this version knows; a later one may write more."""
    names = {f.name for f in fields(make)}  # type: ignore[arg-type]
    return make(**{name: row[name] for name in row if name in names})


def _rows(make: Callable[..., Made]) -> Callable[[Any], tuple[Made, ...]]:
    return lambda rows: tuple(_known(make, row) for row in rows)


READERS: dict[str, Callable[[Any], Any]] = {
    "cascades": _rows(Cascade),
    "controls": _rows(Control),
    "probes": lambda rows: {name: _known(Probes, row) for name, row in rows.items()},
    "data": lambda row: _known(Data, row),
    "failures": _rows(Failure),
    "timing": dict,
}
"""For each file, without its `.json`: how what it holds is read."""
