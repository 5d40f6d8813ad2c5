"""`polyscale predict`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import DeviceOption, QuietOption, notes, output
from polyscale.cli.progress import progress_bars
from polyscale.errors import RunError


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
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Predict every pixel of pictures, with a head that a comparison trained.

    Each prediction has the size of its picture: NAME.png holds the label of each pixel, or its
    distance in millimetres (16 bits). NAME_colour.png shows the same in colours.

    \b
    Examples:
        polyscale predict --head runs/rooms/heads/1.safetensors photos/kitchen.jpg
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data.files import list_pictures
    from polyscale.studies.predict import check_folder, load_predictor, predict_files

    files = list_pictures(images)
    check_folder(out, files)
    predictor = load_predictor(head, backbone=backbone, device=device)
    with progress_bars() as progress:
        left_out = predict_files(predictor, files, out, arrays=arrays, progress=progress)
    for line in left_out:
        notes.print(f"left out: {line}", soft_wrap=True)
    output.print(f"{len(files) - len(left_out)} of {len(files)} pictures: {out}", soft_wrap=True)
    if left_out:
        raise RunError(f"{len(left_out)} of {len(files)} pictures could not be read, see above.")
