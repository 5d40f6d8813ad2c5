"""The data: what they hold, a contact sheet, and what should be looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from polyscale.records import ImagePair, Look, SheetPicture, Suspicious
from polyscale.report import map_pictures
from polyscale.report.render import render
from polyscale.report.run import Run

OPEN_ROWS = 4
"""Rows of the contact sheet that are shown at once; the others are in a box that opens."""

MAX_LEGEND = 60
"""Colours of classes that a legend lists."""

Found = SheetPicture | None


@dataclass(frozen=True)
class SheetRow:
    """Examples of a class, label or range; the name is empty where there is none."""

    name: str
    pictures: tuple[SheetPicture, ...]


def data_section(run: Run) -> Markup | None:
    """What the images are, and which problems they have."""
    if run.look is None:
        return None
    return data_part(run.look, held_out=run.task.held_out)


def data_part(look: Look, *, held_out: bool = True) -> Markup:
    """The same without a run.

    Args:
        look: at the data.
        held_out: whether these are other images than those for training.
    """
    data, report = look.data, look.data.report
    shown = {(picture.split, picture.id): picture for picture in look.pictures}
    pictures = look.pictures
    if not held_out:  # an image may have been drawn from both splits
        pictures = tuple({(each.group, each.id): each for each in pictures}.values())
    rows = list(_rows(pictures))
    return render(
        "data.html",
        data=data,
        train_samples=data.samples[0],
        samples=data.samples[1],
        held_out=held_out,
        rows=rows,
        num_open=OPEN_ROWS,
        legend=_legend(data.class_names),
        depth_css=map_pictures.depth_css() if data.max_depth_m and rows else "",
        near=_with_pictures(report.near_duplicates, shown),
        suspect=_with_pictures(report.suspect_pairs, shown),
        suspicious=[_with_picture(image, shown) for image in report.suspicious],
    )


def _rows(pictures: Sequence[SheetPicture]) -> Iterator[SheetRow]:
    groups: dict[str, list[SheetPicture]] = {}
    for picture in pictures:
        if picture.group is not None:
            groups.setdefault(picture.group, []).append(picture)
    for name, own in groups.items():
        yield SheetRow(name, tuple(own))


def _legend(class_names: Sequence[str]) -> list[tuple[str, str]]:
    """Colour and name of the classes of pixels."""
    num = len(class_names)
    return [(map_pictures.class_css(i, num), n) for i, n in enumerate(class_names[:MAX_LEGEND])]


def _with_pictures(
    pairs: Sequence[ImagePair], shown: dict[tuple[str, str], SheetPicture]
) -> list[tuple[ImagePair, Found, Found]]:
    """Each pair with the pictures of its test and its training image, where there are some."""
    return [
        (pair, shown.get(("test", pair.test_id)), shown.get(("train", pair.train_id)))
        for pair in pairs
    ]


def _with_picture(
    image: Suspicious, shown: dict[tuple[str, str], SheetPicture]
) -> tuple[Suspicious, Found]:
    return image, shown.get((image.split, image.id))
