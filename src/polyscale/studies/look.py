"""A look at a data set before any model runs: what it holds, and a contact sheet of it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from os import cpu_count
from typing import Any, NamedTuple

import numpy as np

from polyscale.records import DataRecord, Look, SheetPicture
from polyscale.tasks import ImageGroups, Task
from polyscale.types import Progress, silent

PICTURE_PX = 224
"""Longer side of a picture."""

MAX_PICTURES = 180
"""Of all groups together: a page of them is about 2 MB."""

PER_GROUP = (2, 6)
"""Pictures of a group: at least, and at most. A third of them are test images."""

MAX_PAIRS = 12
"""Of each kind that are shown."""

JPEG_QUALITY = 80


class _Wanted(NamedTuple):
    """An image that is to be shown: its group, its split and its place there."""

    group: str | None
    split: str
    at: int


def look(task: Task, data: Any, *, seed: int = 0, progress: Progress = silent) -> Look:
    """Count the images of each class, and draw some of them with their targets.

    Args:
        task: what the targets are.
        data: the images and their targets.
        seed: of the choice of images.
        progress: told what is being done.

    Raises:
        InputError: if the data are of another task, or an image cannot be read any more.
    """
    task.check_data(data)
    train, test = (task.groups(split, data) for split in (data.train, data.test))
    names = [*dict.fromkeys([*train.indices, *test.indices])]
    record = DataRecord(
        **task.data_facts(data),
        grouped_by=task.grouped_by if names else "",
        classes={n: (train.num_images(n), test.num_images(n)) for n in names},
        pixel_shares={n: (s, test.shares[n]) for n, s in train.shares.items()},
        num_counted=(train.num_counted, test.num_counted),
    )
    wanted = [*_examples(names, train, test, seed), *_oddities(data)]
    return Look(data=record, pictures=tuple(_draw(task, data, wanted, progress)))


def _examples(
    names: Sequence[str], train: ImageGroups, test: ImageGroups, seed: int
) -> Iterator[_Wanted]:
    """Images of each group, drawn at random."""
    generator = np.random.default_rng(seed)
    least, most = PER_GROUP
    shown = (names or [""])[: MAX_PICTURES // least]
    num = int(np.clip(MAX_PICTURES // len(shown), least, most if names else 3 * most))
    num_test = max(1, num // 3)
    for name in shown:
        for split, groups, wanted in (("train", train, num - num_test), ("test", test, num_test)):
            images = groups.indices.get(name, np.zeros(0, np.int64))
            if not names:
                images = np.arange(groups.num_counted)
            for index in np.sort(generator.permutation(images)[:wanted]):
                yield _Wanted(name, split, int(index))


def _oddities(data: Any) -> Iterator[_Wanted]:
    """Images that the report of the data names."""
    report = data.report
    pairs = (*report.near_duplicates[:MAX_PAIRS], *report.suspect_pairs[:MAX_PAIRS])
    named = [(s, id_) for p in pairs for s, id_ in (("train", p.train_id), ("test", p.test_id))]
    named += [(image.split, image.id) for image in report.suspicious[:MAX_PAIRS]]
    splits = {"train": data.train, "test": data.test}
    places = {name: {id_: i for i, id_ in enumerate(split.ids)} for name, split in splits.items()}
    for split, id_ in dict.fromkeys(named):
        yield _Wanted(None, split, places[split][id_])


def _draw(
    task: Task, data: Any, wanted: Sequence[_Wanted], progress: Progress
) -> Iterator[SheetPicture]:
    splits = {"train": data.train, "test": data.test}

    def draw(one: _Wanted) -> SheetPicture:
        images = splits[one.split]
        picture, caption = task.draw(images, one.at, data, PICTURE_PX)
        content = BytesIO()
        picture.save(content, "JPEG", quality=JPEG_QUALITY)
        return SheetPicture(
            group=one.group,
            split=one.split,
            id=images.ids[one.at],
            caption=caption,
            bytes=content.getvalue(),
        )

    with ThreadPoolExecutor(min(4, cpu_count() or 1)) as pool:
        for done, picture in enumerate(pool.map(draw, wanted)):
            progress("data: contact sheet", done, len(wanted), "images")
            yield picture
    progress("data: contact sheet", len(wanted), len(wanted), "images")
