"""`polyscale predict`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import errors, output, progress_bars
from polyscale.errors import InputError, RunError, first_line


def predict(
    images: Annotated[list[Path], typer.Argument(help="Pictures of any size, or folders of them.")],
    head: Annotated[
        Path,
        typer.Option(help="Trained head: RUN/heads/N.safetensors, written by polyscale compare."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the predictions; created if it does not exist.")
    ] = Path("predictions"),
    arrays: Annotated[
        bool,
        typer.Option("--arrays", help="Also write .npy files: labels as int16, metres as float32."),
    ] = False,
    backbone: Annotated[
        str | None,
        typer.Option(help="Where the backbone's weights are now, if they have moved."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where the model runs, for example cuda.")] = "cpu",
) -> None:
    """Predict segmentation or depth of pictures, with a head that a comparison trained.

    Each prediction has the size of its picture: NAME.png holds the label of each pixel, or its
    depth in millimetres (16 bits). NAME_colour.png shows the same in colours.

    \b
    Examples:
        polyscale predict --head runs/rooms/heads/1.safetensors photos/kitchen.jpg
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import read_image
    from polyscale.data.files import list_pictures
    from polyscale.studies.predict import load_predictor, write_prediction

    files = list_pictures(images)
    _check_names(files, out)
    loaded = load_predictor(head, backbone=backbone, device=device)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"out must be a folder that can be written, but {str(out)!r} is not "
            f"({error.strerror or error}). Choose another."
        ) from error
    left_out = []
    with progress_bars() as progress:
        for done, file in enumerate(files):
            progress("predict", done, len(files), "images")
            try:
                predicted = loaded.predictor.predict(read_image(file, name=str(file)))
            except InputError as error:
                left_out.append(str(error))
                continue
            try:
                write_prediction(predicted, loaded.outputs, out, file.stem, arrays=arrays)
            except OSError as error:
                raise RunError(
                    f"out {str(out)!r} cannot be written ({first_line(error)}). "
                    "Make room, or choose another folder."
                ) from error
        progress("predict", len(files), len(files), "images")
    if loaded.outputs.class_names:
        names = "\n".join(f"{i} {name}" for i, name in enumerate(loaded.outputs.class_names))
        (out / "classes.txt").write_text(f"{names}\n", encoding="utf-8")
    for line in left_out:
        errors.print(f"left out: {line}", soft_wrap=True)
    output.print(f"{len(files) - len(left_out)} of {len(files)} pictures: {out}", soft_wrap=True)
    if left_out:
        raise RunError(f"{len(left_out)} of {len(files)} pictures could not be read, see above.")


def _check_names(files: list[Path], out: Path) -> None:
    """Nothing is written over a picture, or over what was said of another."""
    written: set[str] = set()
    for file in files:
        if file.resolve().parent == out.resolve():
            raise InputError(
                f"out must be another folder than that of the pictures, but {str(out)!r} holds "
                f"{file.name!r}. Choose another, so that no picture is written over."
            )
        names = {file.stem, f"{file.stem}_colour"}
        if names & written:
            raise InputError(
                f"images must have different names, but {file.stem!r} comes more than once. "
                "Predict folder by folder, each with its own --out."
            )
        written |= names
