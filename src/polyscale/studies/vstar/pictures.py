"""The questions of a run with small pictures, so that a page needs no data set."""

from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from polyscale.data import Question
from polyscale.records import QuestionRow
from polyscale.records.questions import Box
from polyscale.tasks.groups import small_picture

PICTURE_PX = 512
"""Longer side of a whole picture: 191 of them, as V* bench has, are some 10 MB."""

TARGET_PX = 256
"""Longer side of the part with the target."""

AROUND = 0.5
"""So much of its longer side is shown around a target on each side."""

LEAST_PX = 64
"""The part that is shown is at least so wide and high."""

JPEG_QUALITY = 80


def question_row(question: Question, picture: Image.Image) -> QuestionRow:
    """A question as the folder of a run keeps it.

    Args:
        question: the first option of which is right.
        picture: whole and upright, 8-bit RGB.
    """
    boxes = tuple((y, x, y + h, x + w) for x, y, w, h in question.boxes_xywh_px)
    return QuestionRow(
        id=question.id,
        category=question.category,
        question=question.text,
        options=list(question.options),
        boxes_yxyx=boxes,
        image_hw=(picture.height, picture.width),
        picture=_jpeg(small_picture(picture, PICTURE_PX)),
        target=_jpeg(_target(picture, boxes)) if boxes else None,
    )


def _target(picture: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """What all boxes hold, and something around it, at most at the picture's own resolution."""
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    top, left, bottom, right = min(tops), min(lefts), max(bottoms), max(rights)
    margin = max(AROUND * max(bottom - top, right - left), (LEAST_PX - (right - left)) / 2)
    part = picture.crop(
        (
            max(0, int(left - margin)),
            max(0, int(top - margin)),
            min(picture.width, int(right + margin) + 1),
            min(picture.height, int(bottom + margin) + 1),
        )
    )
    return small_picture(part, TARGET_PX)


def _jpeg(picture: Image.Image) -> bytes:
    content = BytesIO()
    picture.save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()
