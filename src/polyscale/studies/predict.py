"""A trained head, and the backbone that it was trained on, for any image."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from polyscale.data import read_image
from polyscale.errors import InputError, RunError, first_line
from polyscale.features import weights_hash
from polyscale.learning.heads.dense.head_file import check_candidate, check_fits, load_head
from polyscale.learning.heads.dense.views import ViewSettings
from polyscale.operator.backbones import load
from polyscale.operator.multiscale import MultiScale, check_device
from polyscale.records import Result, read_json
from polyscale.studies.run_folder import check_out
from polyscale.tasks import DensePredictor, MapTask, get_task
from polyscale.tasks.maps.predictor import Outputs
from polyscale.types import Progress, silent


@dataclass(frozen=True)
class LoadedPredictor:
    """Backbone, scales and head, as a head's file names them.

    Attributes:
        predictor: image → the prediction of every pixel.
        task: its name.
        outputs: what predictions mean, and how they become pictures.
    """

    predictor: DensePredictor
    task: str
    outputs: Outputs


def load_predictor(
    file: Path, *, backbone: str | None = None, device: str = "cpu"
) -> LoadedPredictor:
    """Load a head that a comparison trained, and its backbone.

    Args:
        file: `heads/0.safetensors` of a run.
        backbone: where the same weights are, if not where they were at training.
        device: where both run.

    Raises:
        InputError: if the file is no head, it belongs to another candidate than the results of its
            run say, or the backbone is not the one it was trained on.
        MissingExtraError: if a package is not installed.
    """
    check_device(device)
    loaded = load_head(Path(file))
    facts = loaded.facts
    if (candidate := _candidate_of(Path(file))) is not None:
        check_candidate(loaded, candidate)
    try:
        source, scales = backbone or str(facts["backbone"]), tuple(facts["scales"])
        grid = facts["grid"] if isinstance(facts["grid"], str) else tuple(facts["grid"])
        views, name = ViewSettings(**facts["views"]), str(facts["task"])
        outputs = _map_task(name).outputs(facts)
        options = {"source": facts["source"], "dtype": facts["dtype"], "output_grid": grid}
        options |= {name: facts[name] for name in ("merge", "split")}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"head must be a file of a run, but {str(file)!r} does not say on what it was trained "
            f"({error}). Train it with polyscale compare."
        ) from error
    num_classes = loaded.config.get("num_classes", 0)
    if len(outputs.class_names) != num_classes:
        raise InputError(
            f"head {str(file)!r} must have a name for each of its {num_classes} classes, but has "
            f"{len(outputs.class_names)}. Train it with polyscale compare."
        )
    model = load(source)
    module = MultiScale(model, scales, prefix="none", **options)
    check_fits(
        loaded,
        channels=module.out_channels,
        weights_hash=weights_hash(model),
        backbone=facts["backbone"],
        scales=scales,
    )
    predictor = DensePredictor(module, loaded.head, views, outputs)
    return LoadedPredictor(predictor.to(torch.device(device)).eval(), name, outputs)


def _candidate_of(file: Path) -> str | None:
    """The candidate to which a file belongs, by the results of its run, if it still lies there."""
    folder = file.absolute().parent
    try:
        results = read_json(folder.parent / "results.json", tuple[Result, ...])
    except InputError:
        return None
    name = f"{folder.name}/{file.name}"
    return next((row.candidate for row in results if row.probe.get("file") == name), None)


def write_prediction(
    predicted: NDArray, outputs: Outputs, folder: Path, stem: str, *, arrays: bool = False
) -> list[Path]:
    """Write the prediction of an image, at its size.

    - `STEM.png`: labels, 8 bits (16 with more than 256 classes); or millimetres, 16 bits.
    - `STEM_colour.png`: the same to look at.
    - `STEM.npy`, with `arrays`: labels as int16, or metres as float32.

    Args:
        predicted: labels or metres (h, w).
        outputs: what they mean.
        folder: made if it does not exist.
        stem: of the names.
        arrays: whether to write the array too.

    Returns:
        The files.

    Raises:
        RunError: if the disk refuses.
    """
    files = [folder / f"{stem}.png", folder / f"{stem}_colour.png"]
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(outputs.grey(predicted)).save(files[0])
        Image.fromarray(outputs.colour(predicted)).save(files[1])
        if arrays:
            files.append(folder / f"{stem}.npy")
            np.save(files[-1], predicted, allow_pickle=False)
    return files


def predict_files(
    loaded: LoadedPredictor,
    pictures: Sequence[Path],
    folder: Path,
    *,
    arrays: bool = False,
    progress: Progress = silent,
) -> list[str]:
    """Write the prediction of each picture, see `write_prediction`, and the names of classes.

    Args:
        loaded: what predicts.
        pictures: files, see `check_folder`.
        folder: made if it does not exist.
        arrays: whether to write arrays too.
        progress: told after every picture.

    Returns:
        Why pictures are left out, one line for each that cannot be read.

    Raises:
        RunError: if the disk refuses.
    """
    left_out = []
    for done, picture in enumerate(pictures):
        progress("predict", done, len(pictures), "images")
        try:
            predicted = loaded.predictor.predict(read_image(picture, name=str(picture)))
        except InputError as error:
            left_out.append(str(error))
            continue
        write_prediction(predicted, loaded.outputs, folder, picture.stem, arrays=arrays)
    progress("predict", len(pictures), len(pictures), "images")
    if names := loaded.outputs.class_names:
        lines = "".join(f"{i} {name}\n" for i, name in enumerate(names))
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "classes.txt").write_text(lines, encoding="utf-8")
    return left_out


def check_folder(folder: Path, pictures: Sequence[Path]) -> None:
    """Refuse a folder in which a prediction would replace a picture or another prediction.

    Args:
        folder: for the predictions.
        pictures: files to predict.

    Raises:
        InputError: if the folder cannot be written or holds a picture, or two pictures have the
            same name.
    """
    check_out(folder)
    written: set[str] = set()
    for picture in pictures:
        if picture.resolve().parent == folder.resolve():
            raise InputError(
                f"out must be another folder than that of the pictures, but {str(folder)!r} holds "
                f"{picture.name!r}. Choose another, so that no picture is written over."
            )
        names = {picture.stem, f"{picture.stem}_colour"}
        if names & written:
            raise InputError(
                f"images must have different names, but {picture.stem!r} comes more than once. "
                "Predict folder by folder, each with its own --out."
            )
        written |= names


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"out {str(folder)!r} cannot be written ({first_line(error)}). "
            "Make room, or choose another folder."
        ) from error


def _map_task(name: str) -> MapTask:
    task = get_task(name)
    if not isinstance(task, MapTask):
        raise InputError(
            f"head must predict every pixel, but it is one of task {name}. "
            "Choose the head of another run."
        )
    return task
