"""Which named object stands in which cell of a map, from the boxes of questions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from polyscale.data import Questions
from polyscale.types import HW

ROOM = "room"
"""What stands for a cell without a known object."""

MIN_SHARE = 0.25
"""Of the smaller of box and cell, that must be in both for the object to stand in the cell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Named objects in the pictures of some questions.

    Attributes:
        names: the first is that of no object.
        pictures: indices of the pictures, rising (num_pictures,).
        cells: the name in each cell, row by row (num_pictures, num_cells).
    """

    names: tuple[str, ...]
    pictures: NDArray[np.int64]
    cells: Int[np.ndarray, "pictures cells"]

    @classmethod
    def of(cls, questions: Questions, grid_hw: HW) -> "Places | None":
        """Where the questions say that objects stand; None where they say it of none.

        Of several objects in a cell, the smallest stands there.
        """
        named = _boxes(questions)
        if not named:
            return None
        names = (ROOM, *sorted({name for boxes in named.values() for name, _ in boxes}))
        pictures = np.array(sorted(named))
        cells = np.zeros((len(pictures), *grid_hw), np.int64)
        for grid, picture in zip(cells, pictures, strict=True):
            image_wh = questions.pictures.read(int(picture)).size
            boxes = sorted(named[int(picture)], key=lambda each: -each[1][2] * each[1][3])
            for name, box in boxes:
                grid[_shown(box, image_wh, grid_hw)] = names.index(name)
        return cls(names=names, pictures=pictures, cells=cells.reshape(len(pictures), -1))


Box = tuple[float, float, float, float]


def _boxes(questions: Questions) -> dict[int, set[tuple[str, Box]]]:
    """Index of a picture → names and boxes of its objects."""
    named: dict[int, set[tuple[str, Box]]] = {}
    for question, picture in zip(questions.questions, questions.picture_of, strict=True):
        pairs = zip(question.target_objects, question.boxes_xywh_px, strict=False)
        if own := set(pairs):
            named.setdefault(int(picture), set()).update(own)
    return named


def _shown(box: Box, image_wh: tuple[int, int], grid_hw: HW) -> NDArray[np.bool_]:
    """Cells in which an object stands (h, w)."""
    left, top, width, height = box
    overlaps = [
        _overlap(start, length, side / num, num)
        for start, length, side, num in (
            (top, height, image_wh[1], grid_hw[0]),
            (left, width, image_wh[0], grid_hw[1]),
        )
    ]
    cell_px = image_wh[0] / grid_hw[1] * image_wh[1] / grid_hw[0]
    shown: NDArray[np.bool_] = np.outer(*overlaps) > MIN_SHARE * min(width * height, cell_px)
    return shown


def _overlap(start: float, length: float, step: float, num: int) -> NDArray[np.float64]:
    """Of an interval with each of `num` cells in a row, in pixels (num,)."""
    edges = step * np.arange(num + 1)
    return np.clip(np.minimum(start + length, edges[1:]) - np.maximum(start, edges[:-1]), 0, None)
