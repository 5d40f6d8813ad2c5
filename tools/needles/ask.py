"""Questions about scenes, in groups in which every answer is right equally often.

The questions of a group have the same text and the same options, and each option is right in as
many of them as any other. So whoever does not see the picture gives all of them one answer, and is
right exactly as often as by chance, whatever it has learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from tools.needles.scenes import Found, Scene

TARGETS = ("bolt", "die", "gear", "key", "mug", "nut", "pawn", "spool")
CLUTTER = (
    "ball", "block", "bottle", "bowl", "candle", "carton", "fruit", "pencil", "vase",
)  # fmt: skip
SMALL = (*TARGETS, *CLUTTER)
# What small objects are compared with besides other small ones. A rug has no one depth, and books
# are nearly everywhere.
LANDMARKS = ("window", "chair", "picture", "lamp", "plant")
# Longer side of a small object in the picture of 448 px; see the README for why.
SMALL_PX = (32, 100)
# The farther object is so many times as far away.
MIN_DEPTH_RATIO = 1.1

NUM_OPTIONS = 4
# Questions for which one object of a scene may be the right answer.
USES = {"train": 4, "test": 1}
# Both "is the key left of the ball" and "is the ball left of the key".
BOTH_ORDERS = {"train": True, "test": False}
# Sets of options that are drawn in a row without finding scenes for one, before it ends.
MAX_MISSES = 3000

WORDS = {"picture": "painting"}  # "picture" might be the whole picture

Side = Callable[[Found, Found], int | None]
"""Which of two options is right for two objects; None if that is not clear."""


@dataclass(frozen=True)
class Asked:
    """A question about a scene; `kinds` are its target objects."""

    scene: Scene
    category: str
    text: str
    options: tuple[str, ...]
    kinds: tuple[str, ...]


def small_objects(scene: Scene) -> dict[str, Found]:
    """The objects of a scene that are asked for."""
    low, high = SMALL_PX
    found = ((kind, scene.found[kind]) for kind in SMALL if kind in scene.found)
    return {kind: one for kind, one in found if low <= one.longer_side_px <= high}


def ask(scenes: Sequence[Scene], split: str, seed: int) -> list[Asked]:
    """All questions about the scenes of a split, in the order of the scenes."""
    rng = np.random.default_rng([seed, ("train", "test").index(split)])
    asked = [
        *_attributes(scenes, USES[split], rng),
        *_positions(scenes, left_or_right, _beside, BOTH_ORDERS[split], rng),
        *_positions(scenes, nearer_or_farther, _in_depth, BOTH_ORDERS[split], rng),
    ]
    return sorted(asked, key=lambda one: (one.category, one.scene.picture))


def _attributes(scenes: Sequence[Scene], uses: int, rng: np.random.Generator) -> Iterator[Asked]:
    """Which of four objects is in the room? Each set of four is asked about four scenes."""
    small = [small_objects(scene) for scene in scenes]
    left = Counter({(i, kind): uses for i, own in enumerate(small) for kind in own})
    drawn, misses = set[frozenset[str]](), 0
    while misses < MAX_MISSES:
        supply = np.array([sum(left[i, kind] for i in range(len(scenes))) for kind in SMALL])
        if np.count_nonzero(supply) < NUM_OPTIONS:
            return
        kinds = list(rng.choice(SMALL, NUM_OPTIONS, replace=False, p=supply / supply.sum()))
        chosen = _scenes_for(kinds, scenes, left, rng)
        if chosen is None or frozenset(kinds) in drawn:
            misses += 1
            continue
        drawn.add(frozenset(kinds))
        misses = 0
        for place, (index, kind) in enumerate(zip(chosen, kinds, strict=True)):
            left[index, kind] -= 1
            options = [f"There is a {WORDS.get(k, k)} in the room." for k in kinds]
            yield Asked(
                scenes[index],
                "direct_attributes",
                "Which of these objects is in the room?",
                (*options[place:], *options[:place]),
                (str(kind),),
            )


def _scenes_for(
    kinds: Sequence[str],
    scenes: Sequence[Scene],
    left: Counter[tuple[int, str]],
    rng: np.random.Generator,
) -> list[int] | None:
    """For each kind a scene that shows it and none of the others, of those that are used least."""
    chosen: list[int] = []
    for kind in kinds:
        others = set(kinds) - {kind}
        fit = [
            i
            for i, scene in enumerate(scenes)
            if left[i, kind] > 0 and not others & scene.present and i not in chosen
        ]
        if not fit:
            return None
        most = max(left[i, kind] for i in fit)
        chosen.append(int(rng.choice([i for i in fit if left[i, kind] == most])))
    return chosen


def left_or_right(first: Found, second: Found) -> int | None:
    """0 if the whole first object is to the left of the second, 1 if it is to the right."""
    (x, _, width, _), (other_x, _, other_width, _) = first.box_xywh_px, second.box_xywh_px
    if x + width <= other_x:
        return 0
    return 1 if other_x + other_width <= x else None


def nearer_or_farther(first: Found, second: Found) -> int | None:
    """0 if the first object is nearer to the camera, 1 if it is farther away."""
    if max(first.depth_m, second.depth_m) < MIN_DEPTH_RATIO * min(first.depth_m, second.depth_m):
        return None
    return int(first.depth_m > second.depth_m)


def _beside(first: str, second: str) -> tuple[str, tuple[str, str]]:
    return f"Is the {first} on the left or right side of the {second}?", (
        f"The {first} is on the left side of the {second}.",
        f"The {first} is on the right side of the {second}.",
    )


def _in_depth(first: str, second: str) -> tuple[str, tuple[str, str]]:
    return f"Is the {first} nearer or farther than the {second}?", (
        f"The {first} is nearer than the {second}.",
        f"The {first} is farther than the {second}.",
    )


def _positions(
    scenes: Sequence[Scene],
    side: Side,
    words: Callable[[str, str], tuple[str, tuple[str, str]]],
    both_orders: bool,
    rng: np.random.Generator,
) -> Iterator[Asked]:
    """How two objects lie; each pair is asked about as many scenes of one kind as of the other."""
    for pair in combinations((*SMALL, *LANDMARKS), 2):
        sides: tuple[list[Scene], list[Scene]] = ([], [])
        first, second = (str(kind) for kind in rng.permutation(pair))
        for scene in scenes:
            small = small_objects(scene)
            seen = small | {k: scene.found[k] for k in LANDMARKS if k in scene.found}
            if first in seen and second in seen and (first in small or second in small):
                right = side(seen[first], seen[second])
                if right is not None:
                    sides[right].append(scene)
        num = min(map(len, sides))
        for own, (one, other) in ((0, (first, second)), (1, (second, first)))[: 1 + both_orders]:
            text, options = words(*(WORDS.get(kind, kind) for kind in (one, other)))
            for right, there in enumerate(sides):
                ordered = options if right == own else options[::-1]
                for index in rng.permutation(len(there))[:num]:
                    yield Asked(there[index], "relative_position", text, ordered, (one, other))
