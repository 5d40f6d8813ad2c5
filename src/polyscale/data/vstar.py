"""The layout of V* bench: `CATEGORY/NAME.jpg` and, beside it, `CATEGORY/NAME.json`.

A JSON file has `question`, `options` (of which the first is right), `target_object` (a list of
names) and `bbox` (a list of x, y, width and height in pixels). https://github.com/penghao-wu/vstar
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.data.assemble import fingerprint_of, look_at_images
from polyscale.data.files import check_names, files_below, folders_in, is_text, read_text
from polyscale.data.image import image_endings
from polyscale.data.inspection import inspect
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.listing import Listing, assign_roles, list_files, role_of
from polyscale.data.pictures import Pictures
from polyscale.data.questions import Question, QuestionData, Questions
from polyscale.decode import UnreadableImageError, read_image
from polyscale.errors import InputError, first_line
from polyscale.records import DataReport
from polyscale.types import HW, Progress

JPEG_QUALITY = 95

ROUNDING_PX = 1.0
"""So much may a box stand over the edge of its picture."""

MAX_PX = 2**31
"""No picture is so large."""


def load_vstar(
    name: str, path: Path, *, cache: str | Path | None, progress: Progress
) -> QuestionData:
    """Questions in the folders of their categories, with or without `train/` and `test/` above.

    Without these folders all questions are for testing, as those of V* bench are. Files that lie
    beside the categories, such as `test_questions.jsonl`, are passed over.

    Args:
        name: what the user called the data.
        path: the folder.
        cache: folder for what is found in pictures; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if a file is missing, broken, or against the layout; it names the file.
    """
    train, test, about = _folders_of_splits(path)
    folders = {"train": train, "test": test}
    files = {s: [] if f is None else _list_files(f) for s, f in folders.items()}
    if not any(files.values()):
        raise InputError(
            f"data folder {str(path)!r} must hold questions, but holds none. Each needs a picture "
            "and a JSON file of the same name in the folder of its category, for example "
            "direct_attributes/a.jpg and direct_attributes/a.json."
        )
    with closing(InspectionCache(cache)) as database:
        train_part, test_part = (_read(files[s], database, s, progress) for s in folders)
    report = look_at_images(DataReport(), train_part.listing, test_part.listing, cache)
    return QuestionData(
        name=name,
        train=train_part.questions(),
        test=test_part.questions(),
        about=about,
        report=report,
    )


def write_questions(questions: Questions, folder: Path) -> None:
    """Write questions in the layout of V* bench, so that other programs can read them.

    Pictures are written as JPEG of quality 95, one for each question, and are not quite the same
    as before.

    Args:
        questions: `data.test`, for example.
        folder: is made; `direct_attributes/` and the like go into it.

    Raises:
        InputError: if the folder is there and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"folder must be new or empty, but {str(folder)!r} is not. Name another.")
    for index, question in enumerate(questions.questions):
        file = folder / f"{question.id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "target_object": list(question.target_objects),
            "bbox": [list(box) for box in question.boxes_xywh_px],
            "question": question.text,
            "options": list(question.options),
        }
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        picture = questions.read(index)
        picture.save(folder / f"{question.id}.jpg", quality=JPEG_QUALITY, subsampling=0)


@dataclass(frozen=True, eq=False)
class _Part:
    """The questions of a split with their pictures, one each, whose facts are known."""

    asked: Sequence[Question]
    listing: Listing

    def questions(self) -> Questions:
        pictures, facts = self.listing, self.listing.facts

        def read(index: int, min_side: int | None = None) -> Any:
            return read_image(pictures.content(index), name=pictures.ids[index], min_side=min_side)

        fingerprint = fingerprint_of(pictures.ids, facts)
        picture_of = np.arange(len(pictures), dtype=np.int64)
        return Questions(tuple(self.asked), Pictures(pictures.ids, read, fingerprint), picture_of)


def _folders_of_splits(path: Path) -> tuple[Path | None, Path | None, str]:
    """The folders of training and test questions, and in words where the split comes from."""
    # a category may be called test, but holds no folders
    names = [f.name for f in folders_in(path) if role_of(f.name) is not None and folders_in(f)]
    if not names:
        return None, path, "all questions are for testing"
    chosen, about = assign_roles(names, where=f"data folder {str(path)!r}")
    if len(chosen) == 2:
        return path / chosen[0], path / chosen[1], about or ""
    only = path / chosen[0]
    is_train = role_of(chosen[0]) == "train"
    return (only, None, "") if is_train else (None, only, f"the data's own {chosen[0]}")


def _list_files(folder: Path) -> list[tuple[str, Path, Path]]:
    """Id, JSON file and picture of each question below a folder, in the order of their ids."""
    endings = image_endings()
    found: dict[str, dict[bool, Path]] = {}
    for file in files_below(folder, endings | {".json"}):
        place = file.relative_to(folder)
        if len(place.parts) > 1:
            own = found.setdefault(place.with_suffix("").as_posix(), {})
            is_json = place.suffix.lower() == ".json"
            if is_json in own:
                raise InputError(
                    f"file {str(file)!r} must be the only one of its name, but "
                    f"{own[is_json].name!r} lies beside it. Rename one of the two."
                )
            own[is_json] = file
    check_names(found, "file name")
    return [(name, *_pair(own)) for name, own in sorted(found.items())]


def _pair(own: dict[bool, Path]) -> tuple[Path, Path]:
    """The JSON file and the picture of a question."""
    if len(own) == 2:
        return own[True], own[False]
    (is_json,) = own
    what, other = ("question", "picture") if is_json else ("picture", "question")
    raise InputError(
        f"{what} {str(own[is_json])!r} must have a {other} of the same name beside it, but has "
        f"none. Add it, or take the {what} out."
    )


def _read(
    files: Sequence[tuple[str, Path, Path]], cache: InspectionCache, split: str, progress: Progress
) -> _Part:
    """Read the questions of a split, and look at their pictures."""
    asked = [_read_question(name, file) for name, file, _ in files]
    listing = list_files([(name, picture) for name, _, picture in files])
    step = f"data: {split} pictures"
    facts = list(inspect(listing, cache=cache, step=step, progress=progress)) if files else []
    for (_, file, picture), question, found in zip(files, asked, facts, strict=True):
        if not isinstance(found, ImageFacts):
            raise UnreadableImageError(str(picture), found)
        _check_boxes(file, question, found.image_hw)
    return _Part(asked, Listing(listing.ids, listing.content, facts=facts))


def _read_question(name: str, file: Path) -> Question:
    text = read_text(file, "question")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"question {str(file)!r} must be JSON, but is not ({first_line(error)}). Repair it."
        ) from error
    fields = content if isinstance(content, dict) else {}
    for rule, is_kept in _rules(fields):
        if not is_kept:
            raise InputError(f"question {str(file)!r} must have {rule}, but has not. Repair it.")
    return Question(
        id=name,
        category=name.partition("/")[0],
        text=fields["question"],
        options=tuple(fields["options"]),
        target_objects=tuple(fields.get("target_object", ())),
        boxes_xywh_px=tuple((x, y, w, h) for x, y, w, h in fields.get("bbox", ())),
    )


def _rules(fields: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each rule for the content of a JSON file, in words, and whether this file keeps it."""
    options = fields.get("options", [])
    yield "`question`, a text", _is_said(fields.get("question"))
    yield (
        "`options`, a list of at least two different texts",
        _is_list(options, _is_said) and len({o.strip() for o in options}) == len(options) > 1,
    )
    yield "in `target_object` a list of texts", _is_list(fields.get("target_object", []), is_text)
    yield (
        "in `bbox` a list of boxes, each with x, y, width and height in pixels",
        _is_list(fields.get("bbox", []), _is_box),
    )


def _is_list(value: Any, is_entry: Any) -> bool:
    return isinstance(value, list) and all(is_entry(entry) for entry in value)


def _is_said(value: Any) -> bool:
    return is_text(value) and bool(value.strip())


def _is_box(value: Any) -> bool:
    return _is_list(value, _is_px) and len(value) == 4 and min(value[2:]) > 0


def _is_px(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < MAX_PX  # False for NaN


def _check_boxes(file: Path, question: Question, image_hw: HW) -> None:
    """Refuse boxes that are not in the picture."""
    height, width = image_hw
    for x, y, w, h in question.boxes_xywh_px:
        left_over = (-x, -y, x + w - width, y + h - height)
        if max(left_over) > ROUNDING_PX:
            raise InputError(
                f"question {str(file)!r} must have boxes within its picture ({width}×{height} px), "
                f"but one has x, y, width and height {x:g}, {y:g}, {w:g}, {h:g}. Repair it."
            )
