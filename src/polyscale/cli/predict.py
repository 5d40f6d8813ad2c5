"""`polyscale predict`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import (
    BackboneOption,
    DeviceOption,
    QuietOption,
    errors,
    make_table,
    output,
)
from polyscale.errors import RunError
from polyscale.progress import progress_bars

MAX_PRINTED = 20
"""Pictures whose answers are printed; more are in the file alone."""


def predict(
    images: Annotated[list[Path], typer.Argument(help="Pictures of any size, or folders of them.")],
    head: Annotated[
        Path,
        typer.Option(help="Trained head: RUN/heads/N.safetensors, written by polyscale compare."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the predictions; created if it does not exist.")
    ] = Path("predictions"),
    threshold: Annotated[
        float | None,
        typer.Option(
            help="For heads with two classes: a picture gets the class that the threshold table "
            "is about if its probability is at least this. [default: the more probable class]"
        ),
    ] = None,
    arrays: Annotated[
        bool,
        typer.Option(
            "--arrays",
            help="For every pixel: also write .npy files, labels as int16, metres as float32.",
        ),
    ] = False,
    backbone: BackboneOption = None,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Predict pictures with a head that a comparison trained.

    Heads for whole pictures write predictions.csv: for each picture its class or number, and
    probabilities; the answers for up to 20 pictures are printed as well. With two classes, a table
    says how many images each threshold misses, and how many false alarms it gives. If the folders
    of pictures are named after the classes, predictions are also compared with these names.

    Heads for every pixel write pictures. NAME.png holds the label of each pixel, or its distance in
    millimetres (16 bits). NAME_overlay.png shows the same over the picture, with a legend.

    \b
    Examples:
        polyscale predict --head runs/photos/heads/0.safetensors new-photos
        polyscale predict --head runs/rooms/heads/1.safetensors photos/kitchen.jpg
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data.files import list_pictures
    from polyscale.studies import check_out
    from polyscale.studies.predict import load_predictor, predict_files, threshold_table
    from polyscale.tasks import PooledPredictor

    check_out(out)
    files = list_pictures(images)
    predictor = load_predictor(head, backbone=backbone, device=device)
    with progress_bars() as progress:
        predicted = predict_files(
            predictor, files, out, arrays=arrays, threshold=threshold, progress=progress
        )
    for line in predicted.left_out:
        errors.print(f"left out: {line}", soft_wrap=True)
    if isinstance(predictor, PooledPredictor):
        _print_answers(predicted.rows)
        _print_accuracy(predicted.rows)
        if (table := threshold_table(predictor, predicted.rows)) is not None:
            title = (
                f"Images of {table.positive} that are missed at each threshold of its "
                "probability, and false alarms (95 % intervals)"
            )
            output.print(make_table(table.heads, table.rows, title=title))
            output.print(
                "Choose a threshold by the cross-validated training images; the test images then "
                "judge it. For the other class, read 1 - threshold and swap the columns.",
                soft_wrap=True,
            )
    num_left_out = len(predicted.left_out)
    output.print(f"{len(files) - num_left_out} of {len(files)} pictures: {out}", soft_wrap=True)
    if num_left_out:
        raise RunError(f"{num_left_out} of {len(files)} pictures could not be read, see above.")


def _print_answers(rows: Mapping[str, Sequence[object]]) -> None:
    """A line for each of a few pictures: its class and how probable that is, or its number."""
    if not rows["image"] or len(rows["image"]) > MAX_PRINTED:
        return
    answer = next(name for name in rows if name not in ("image", "label"))
    for number, image in enumerate(rows["image"]):
        said = rows[answer][number]
        text = f"{said:.4g}" if isinstance(said, float) else f"{said}"
        if "probability" in rows:
            text += f" ({rows['probability'][number]:.1%})"
        output.print(f"{image}: {text or 'none'}", soft_wrap=True)


def _print_accuracy(rows: Mapping[str, Sequence[object]]) -> None:
    """Where the folders of pictures are classes: how many predictions agree with them."""
    if "label" in rows:
        right = [a == b for a, b in zip(rows["label"], rows["prediction"], strict=True)]
        output.print(
            f"{sum(right)} of {len(right)} predictions are the class that the picture's folder "
            "names. Pictures that the head was trained on say little about new ones.",
            soft_wrap=True,
        )
