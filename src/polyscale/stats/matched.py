"""What is compared at equal cost, chosen from costs and cross-validation, never from test images.

The cost of the larger model is the budget. The small model at several scales spends it on the
best scale set that fits; between two scale sets, its curve is linear in log cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import NamedTuple

from polyscale.records import CostAxis, Result, Rule, known_axes
from polyscale.stats.frontier import pareto_front, selection_point


class Pairing(NamedTuple):
    """S² and a larger model, as candidates.

    `s2` is one candidate, or two neighbours on the small model's curve, which are mixed with
    `weight` as the share of the dearer one.
    """

    s2: tuple[str, ...]
    larger: str
    weight: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Match:
    """A larger model at one kind of cost, and the pairings on which a verdict may rest.

    There is always one `within` or `beyond` the budget: the best of the scale sets that cost no
    more, or else of those that cost more. One is `interpolated` if the budget lies between two
    candidates of the small model's front.
    """

    axis: CostAxis
    larger: Result
    pairings: Mapping[Rule, Pairing]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """A family's small model and its larger models.

    Attributes:
        curve: the small model at all its scale sets, including scale 1.
        s2: those with several scales; at least one.
        larger: the larger models at one scale; at least one.
    """

    curve: tuple[Result, ...]
    s2: tuple[Result, ...]
    larger: tuple[Result, ...]

    @property
    def best(self) -> tuple[Result, Result]:
        """The best of `s2` and of `larger` in cross-validation, whatever they cost."""
        return _best(self.s2), _best(self.larger)

    def matches(self) -> list[Match]:
        """Every larger model at every kind of cost that is known of all."""
        return [
            Match(axis=axis, larger=larger, pairings=self._pairings(axis, larger))
            for larger in self.larger
            for axis in known_axes([*self.curve, *self.larger])
        ]

    def _pairings(self, axis: CostAxis, larger: Result) -> dict[Rule, Pairing]:
        budget = getattr(larger, axis)
        fitting = [result for result in self.s2 if getattr(result, axis) <= budget]
        rule: Rule = "within" if fitting else "beyond"
        pairings = {rule: Pairing((_best(fitting or self.s2).candidate,), larger.candidate)}
        front = pareto_front(selection_point(result, axis) for result in self.curve)
        for cheaper, dearer in pairwise(front):
            if cheaper.cost < budget < dearer.cost:
                weight = log(budget / cheaper.cost) / log(dearer.cost / cheaper.cost)
                s2 = cheaper.name, dearer.name
                pairings["interpolated"] = Pairing(s2, larger.candidate, weight)
        return pairings


def sides_by_family(results: Sequence[Result]) -> dict[str, Sides]:
    """The sides of each family that has them, and training images to choose them by."""
    families = dict.fromkeys(result.family for result in results if result.num_train)
    sides = {name: sides_of([r for r in results if r.family == name]) for name in families}
    return {name: both for name, both in sides.items() if both}


def sides_of(family: Sequence[Result]) -> Sides | None:
    """The smallest backbone that was run at several scales, and the larger ones at one.

    Returns:
        None if there are no such backbones.
    """
    several_scales = [r for r in family if len(r.scales) > 1]
    if not several_scales:
        return None
    small = min(several_scales, key=lambda r: r.backbone_params)
    curve = tuple(r for r in family if _weights(r) == _weights(small))
    larger = tuple(
        r
        for r in family
        if r not in curve and r.scales == (1,) and r.backbone_params > small.backbone_params
    )
    if not larger:
        return None
    return Sides(curve=curve, s2=tuple(r for r in curve if len(r.scales) > 1), larger=larger)


def _best(results: Iterable[Result]) -> Result:
    return max(results, key=lambda r: r.sign * r.selection_value)


def _weights(result: Result) -> str:
    """The backbone without the size of its tiles.

    The small model at one scale may be run on larger tiles than at several scales. It then has
    more parameters, for their positions, but is no larger model.
    """
    return result.backbone.partition("?tile=")[0]
