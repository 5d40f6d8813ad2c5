"""Predictions of many pictures as files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from polyscale.data import read_image
from polyscale.errors import InputError, RunError, first_line
from polyscale.studies.predict.loading import Predictor
from polyscale.studies.predict.overlay import draw_overlay
from polyscale.studies.predict.table import LABEL, check_threshold, read_columns, write_csv
from polyscale.studies.run_folder import check_out
from polyscale.tasks import Actor, DensePredictor, PooledPredictor
from polyscale.types import Progress, silent

BATCH = 8
"""Pictures at once, where each gives one row."""


@dataclass(frozen=True)
class PredictedFiles:
    """What was predicted.

    Attributes:
        left_out: why pictures are left out, one line for each that cannot be read.
        rows: column → its value for each picture that was read; empty for predictions that are
            pictures themselves. `label` is the class of its folder, where all folders are classes.
    """

    left_out: list[str]
    rows: dict[str, list[object]]


def predict_files(
    predictor: Predictor,
    pictures: Sequence[Path],
    folder: Path,
    *,
    arrays: bool = False,
    threshold: float | None = None,
    progress: Progress = silent,
) -> PredictedFiles:
    """Write what is predicted of each picture.

    For whole pictures: `predictions.csv`, one row for each. For every pixel, at the picture's size:

    - `NAME.png`: labels, 8 bits (16 with more than 256 classes); or millimetres, 16 bits.
    - `NAME_overlay.png`: the same in colours over the picture, with a legend.
    - `NAME.npy`, with `arrays`: labels as int16, or metres as float32.
    - `classes.txt`: the names of the classes, if there are any.

    Args:
        predictor: what predicts.
        pictures: files.
        folder: made if it does not exist.
        arrays: whether to write arrays too.
        threshold: of two classes, the probability from which a picture is said to be of the one
            whose errors the head's file counts; None says the more probable class.
        progress: told after every picture.

    Raises:
        InputError: if the folder cannot be written or holds a picture, a prediction would replace
            another, or an option does not fit the head.
        RunError: if the disk refuses.
    """
    check_out(folder)
    if isinstance(predictor, Actor):
        raise InputError(
            "head must be one that predicts pictures, but it is a policy, which acts in a scene. "
            "Use polyscale robot act."
        )
    if isinstance(predictor, DensePredictor):
        if threshold is not None:
            raise InputError("threshold must be left out for a head that predicts every pixel.")
        _check_names(folder, pictures)
        return _write_pictures(predictor, pictures, folder, arrays, progress)
    if arrays:
        raise InputError("arrays must be left out for a head that predicts whole pictures.")
    check_threshold(threshold, predictor)
    return _write_table(predictor, pictures, folder, threshold, progress)


def _write_pictures(
    predictor: DensePredictor,
    pictures: Sequence[Path],
    folder: Path,
    arrays: bool,
    progress: Progress,
) -> PredictedFiles:
    outputs = predictor.outputs

    def write(files: Sequence[Path], images: Sequence[Image.Image]) -> None:
        for file, image in zip(files, images, strict=True):
            predicted = predictor.predict(image)
            with _writing(folder):
                Image.fromarray(outputs.grey(predicted)).save(folder / f"{file.stem}.png")
                overlay = draw_overlay(image, predicted, outputs)
                overlay.save(folder / f"{file.stem}_overlay.png")
                if arrays:
                    np.save(folder / f"{file.stem}.npy", predicted, allow_pickle=False)

    left_out = _for_each_batch(pictures, 1, write, progress)
    if names := outputs.class_names:
        with _writing(folder):
            lines = "".join(f"{i} {name}\n" for i, name in enumerate(names))
            (folder / "classes.txt").write_text(lines, encoding="utf-8")
    return PredictedFiles(left_out, {})


def _write_table(
    predictor: PooledPredictor,
    pictures: Sequence[Path],
    folder: Path,
    threshold: float | None,
    progress: Progress,
) -> PredictedFiles:
    rows: dict[str, list[object]] = {"image": []}
    has_labels = bool(pictures) and all(p.parent.name in predictor.class_names for p in pictures)

    def write(files: Sequence[Path], images: Sequence[Image.Image]) -> None:
        rows["image"] += map(str, files)
        if has_labels:
            rows.setdefault(LABEL, []).extend(file.parent.name for file in files)
        for name, values in read_columns(predictor, images, threshold).items():
            rows.setdefault(name, []).extend(values)

    left_out = _for_each_batch(pictures, BATCH, write, progress)
    with _writing(folder):
        write_csv(rows, folder / "predictions.csv")
    return PredictedFiles(left_out, rows)


def _for_each_batch(
    pictures: Sequence[Path],
    size: int,
    write: Callable[[Sequence[Path], Sequence[Image.Image]], None],
    progress: Progress,
) -> list[str]:
    """Call `write` with the files that can be read and their images; why others cannot."""
    left_out: list[str] = []
    for start in range(0, len(pictures), size):
        progress("predict", start, len(pictures), "images")
        files, images = [], []
        for file in pictures[start : start + size]:
            try:
                images.append(read_image(file, name=str(file)))
                files.append(file)
            except InputError as error:
                left_out.append(str(error))
        if files:
            write(files, images)
    progress("predict", len(pictures), len(pictures), "images")
    return left_out


def _check_names(folder: Path, pictures: Sequence[Path]) -> None:
    """Refuse a folder in which a prediction would replace a picture or another prediction."""
    written: set[str] = set()
    for picture in pictures:
        if picture.resolve().parent == folder.resolve():
            raise InputError(
                f"out must be another folder than that of the pictures, but {str(folder)!r} holds "
                f"{picture.name!r}. Choose another, so that no picture is written over."
            )
        names = {picture.stem, f"{picture.stem}_overlay"}
        if names & written:
            raise InputError(
                f"images must have different names, but {picture.stem!r} comes more than once. "
                "Predict folder by folder, each with its own --out."
            )
        written |= names


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """The folder is there, and what the disk refuses becomes one line."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RunError(
            f"out {str(folder)!r} cannot be written ({first_line(error)}). "
            "Make room, or choose another folder."
        ) from error
