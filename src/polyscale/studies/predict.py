"""A trained head, and the backbone that it was trained on, for any image."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
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
from polyscale.types import Progress, silent


def load_predictor(
    file: Path | str, *, backbone: str | None = None, device: str = "auto"
) -> DensePredictor:
    """Load a head that a comparison trained, and its backbone.

    Args:
        file: `heads/0.safetensors` of a run.
        backbone: where the same weights are, if not where they were at training.
        device: where both run; "auto" is cuda if there is such a device, else cpu.

    Raises:
        InputError: if the file is no head, it belongs to another candidate than the results of its
            run say, or the backbone is not the one it was trained on.
        MissingExtraError: if a package is not installed.
    """
    device = str(check_device(device))
    loaded = load_head(Path(file))
    facts = loaded.facts
    if (candidate := _candidate_of(Path(file))) is not None:
        check_candidate(loaded, candidate)
    try:
        source, scales = backbone or str(facts["backbone"]), tuple(facts["scales"])
        grid = facts["grid"] if isinstance(facts["grid"], str) else tuple(facts["grid"])
        views = ViewSettings(**facts["views"])
        outputs = _map_task(str(facts["task"])).outputs(facts)
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
    check_fits(loaded, channels=module.out_channels, weights_hash=weights_hash(model))
    predictor = DensePredictor(module, loaded.head, views, outputs)
    return predictor.to(torch.device(device)).eval()


def _candidate_of(file: Path) -> str | None:
    """The candidate to which a file belongs, by the results of its run, if it still lies there."""
    folder = file.absolute().parent
    try:
        results = read_json(folder.parent / "results.json", tuple[Result, ...])
    except InputError:
        return None
    name = f"{folder.name}/{file.name}"
    return next((row.candidate for row in results if row.probe.get("file") == name), None)


def predict_files(
    predictor: DensePredictor,
    pictures: Sequence[Path],
    folder: Path,
    *,
    arrays: bool = False,
    progress: Progress = silent,
) -> list[str]:
    """Write the prediction of each picture at its size, and the names of classes, if any.

    - `NAME.png`: labels, 8 bits (16 with more than 256 classes); or millimetres, 16 bits.
    - `NAME_colour.png`: the same to look at.
    - `NAME.npy`, with `arrays`: labels as int16, or metres as float32.

    Args:
        predictor: what predicts.
        pictures: files, see `check_folder`.
        folder: made if it does not exist.
        arrays: whether to write arrays too.
        progress: told after every picture.

    Returns:
        Why pictures are left out, one line for each that cannot be read.

    Raises:
        RunError: if the disk refuses.
    """
    left_out, outputs = [], predictor.outputs
    for done, picture in enumerate(pictures):
        progress("predict", done, len(pictures), "images")
        try:
            predicted = predictor.predict(read_image(picture, name=str(picture)))
        except InputError as error:
            left_out.append(str(error))
            continue
        with _writing(folder):
            Image.fromarray(outputs.grey(predicted)).save(folder / f"{picture.stem}.png")
            Image.fromarray(outputs.colour(predicted)).save(folder / f"{picture.stem}_colour.png")
            if arrays:
                np.save(folder / f"{picture.stem}.npy", predicted, allow_pickle=False)
    progress("predict", len(pictures), len(pictures), "images")
    if names := outputs.class_names:
        with _writing(folder):
            lines = "".join(f"{i} {name}\n" for i, name in enumerate(names))
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
    """The folder is there, and what the disk refuses becomes one line."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
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
