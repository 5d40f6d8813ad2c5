"""Can questions be answered from frozen features? Linear probes of cells, training scenes only.

A ridge regression reads from each cell of a map which objects stand there, and how far away it is.
It is trained on four fifths of the training scenes and answers questions about the others: the
object that is seen most clearly is in the room, and the place of an object is that of its cells.

    python -m tools.needles.probe --cache cache
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from tools.needles.ask import LANDMARKS, SMALL, WORDS
from tools.needles.scenes import Scene, read_scenes

import polyscale
from polyscale.data import Question, load_depth, load_questions, load_segmentation
from polyscale.features import FeatureStore, extract_maps, weights_hash

SCALES = (1, 2)
SETS = ((1,), (2,), (1, 2))
PENALTIES = (3e2, 3e3, 3e4)
NUM_FOLDS = 5
# This share of a cell's pixels counts as the whole object.
FULL_SHARE = 1 / 8
# How sharply cells are weighted by what they show, where an object's column is asked for.
SHARPNESS = 12.0
# Random questions for each object, by which sizes are judged.
DRAWS = 8
SIZES_PX = (0, 16, 24, 32, 48, 64, 80, 101, 449)

KINDS = (*SMALL, *LANDMARKS)
COLUMN = {WORDS.get(kind, kind): i for i, kind in enumerate(KINDS)}

Cells = Float[np.ndarray, "pictures cells columns"]


def main() -> int:
    """Print shares of right answers; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.needles.probe", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps features")
    parser.add_argument("--model", default="pip:efficientnet_lite0", help="a source of models")
    arguments = parser.parse_args()
    maps, side = _maps(arguments.model, arguments.cache)
    scenes, targets = read_scenes("train"), _targets(side)
    fold = np.random.default_rng(0).permutation(len(scenes)) % NUM_FOLDS
    for scales in SETS:
        cells = np.concatenate([maps[scale] for scale in scales], axis=-1)
        for penalty in PENALTIES:
            seen = _held_out(cells, targets, fold, penalty)
            clear = _clearness(seen, fold)
            print(f"scales {scales}, penalty {penalty:g}")
            _show("  questions", _questions_right(seen, clear, side))
            _show("  objects by px", _sizes_right(scenes, clear))
    return 0


def _show(what: str, right: Iterator[tuple[str, bool]]) -> None:
    answers = defaultdict[str, list[bool]](list)
    for group, is_right in right:
        answers[group].append(is_right)
    rows = (f"{g} {100 * np.mean(own):.1f} % of {len(own)}" for g, own in sorted(answers.items()))
    print(f"{what}: {'; '.join(rows)}", flush=True)


def _maps(model: str, cache: Path) -> tuple[dict[float, Cells], int]:
    """Scale → features of all cells, standardised; and the cells along a side."""
    module = polyscale.wrap(model, scales=SCALES)
    pictures = load_questions("needles").train.pictures
    found = extract_maps(
        module,
        pictures,
        store=FeatureStore(cache),
        weights=weights_hash(module.backbone),
        step="features",
        progress=lambda step, done, total, unit: print(f"{step} {done}/{total}", file=sys.stderr),
    )
    maps = {}
    for scale, stored in found.items():
        rows = stored.take(np.arange(len(pictures))).astype(np.float32)
        rows = rows.reshape(len(rows), -1, rows.shape[-1])
        maps[scale] = (rows - rows.mean((0, 1))) / (rows.std((0, 1)) + 1e-6)
    return maps, module.backbone.grid_hw[0]


def _targets(side: int) -> Cells:
    """How much of each kind stands in each cell, 0 to 1, and its depth in metres."""
    masks, depths = load_segmentation("rooms"), load_depth("rooms").train
    numbers = [masks.class_names.index(kind) for kind in KINDS]

    def in_cells(pixels: NDArray) -> NDArray:
        size = len(pixels) // side
        return pixels.reshape(side, size, side, size).mean((1, 3)).ravel()

    rows = []
    for i in range(len(depths)):
        mask = masks.train.target(i)
        shares = np.stack([in_cells(mask == number) for number in numbers], axis=-1)
        shares = np.minimum(shares / FULL_SHARE, 1)
        rows.append(np.column_stack([shares, in_cells(depths.target(i))]))
    return np.stack(rows).astype(np.float32)


def _held_out(cells: Cells, targets: Cells, fold: NDArray, penalty: float) -> Cells:
    """What ridge regressions read that were trained on the other folds."""
    mean = targets.mean((0, 1))
    width, seen = cells.shape[-1], np.empty_like(targets)
    parts = [(cells[fold == f].reshape(-1, width), targets[fold == f]) for f in range(NUM_FOLDS)]
    grams = [x.T @ x for x, _ in parts]
    products = [x.T @ (y.reshape(len(x), -1) - mean) for x, y in parts]
    for f in range(NUM_FOLDS):
        gram, product = (sum(own) - own[f] for own in (grams, products))
        weights = np.linalg.solve(gram + penalty * np.eye(width, dtype=np.float32), product)
        seen[fold == f] = cells[fold == f] @ weights + mean
    return seen


def _clearness(seen: Cells, fold: NDArray) -> Float[np.ndarray, "pictures kinds"]:
    """How clearly each kind is seen in its best cell, on one scale for all kinds."""
    best = seen[..., :-1].max(axis=1)
    clear = np.empty_like(best)
    for f in range(NUM_FOLDS):
        others = best[fold != f]
        clear[fold == f] = (best[fold == f] - others.mean(0)) / others.std(0)
    return clear


def _questions_right(seen: Cells, clear: NDArray, side: int) -> Iterator[tuple[str, bool]]:
    """Kind of each training question, and whether the answer is right."""
    data = load_questions("needles").train
    for question, picture in zip(data.questions, data.picture_of, strict=True):
        if question.category == "direct_attributes":
            own = clear[picture, [COLUMN[option.split()[3]] for option in question.options]]
            yield "attributes", bool(own[0] > own[1:].max())
        else:
            yield _relation_right(question, seen[picture], side)


def _relation_right(question: Question, seen: NDArray, side: int) -> tuple[str, bool]:
    first, second = (seen[:, COLUMN[name]] for name in question.target_objects)
    if "side" in question.text:
        weights = (np.exp(SHARPNESS * (own - own.max())) for own in (first, second))
        x, other_x = (float(w @ (np.arange(len(w)) % side) / w.sum()) for w in weights)
        return "left or right", (x < other_x) == (" left " in question.options[0])
    depth, other_depth = seen[first.argmax(), -1], seen[second.argmax(), -1]
    return "nearer or farther", bool(depth < other_depth) == ("nearer" in question.options[0])


def _sizes_right(scenes: list[Scene], clear: NDArray) -> Iterator[tuple[str, bool]]:
    """Longer side of each small object, and whether it is told from three that are not there."""
    rng = np.random.default_rng(0)
    for scene in scenes:
        absent = [COLUMN[kind] for kind in SMALL if kind not in scene.present]
        for kind, length in _lengths(scene).items():
            low, high = next((a, b) for a, b in pairwise(SIZES_PX) if a <= length < b)
            for _ in range(DRAWS):
                others = clear[scene.picture, rng.choice(absent, 3, replace=False)]
                yield f"{low:3}–{high - 1}", bool(clear[scene.picture, COLUMN[kind]] > others.max())


def _lengths(scene: Scene) -> Mapping[str, int]:
    return {k: scene.found[k].longer_side_px for k in SMALL if k in scene.found}


if __name__ == "__main__":
    sys.exit(main())
