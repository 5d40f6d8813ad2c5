"""What a source names → a data set: looked at, split, and what was found wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from polyscale.data.classes import MIN_DRAWN, check_classes, check_test, without_empty_classes
from polyscale.data.classification import MIN_TRAIN, ClassificationData, LabelledImages
from polyscale.data.duplicates import find_near_duplicates
from polyscale.data.fingerprint import fingerprint
from polyscale.data.image import read_image
from polyscale.data.inspection import Progress, inspect
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.listing import Catalogue, Listing
from polyscale.data.report import DataReport, Unreadable
from polyscale.data.splits import draw_test, sample
from polyscale.errors import InputError
from polyscale.types import silent as silent


@dataclass(frozen=True)
class _Looked:
    """The readable images of a listing, what is known of each, and the others."""

    images: Listing
    facts: dict[str, ImageFacts]
    unreadable: tuple[Unreadable, ...] = ()


def assemble(
    name: str,
    catalogue: Catalogue,
    *,
    seed: int = 0,
    per_class: int | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> ClassificationData:
    """Look at every image, leave out what cannot be read, split, and search for copies.

    Args:
        name: what the user called the data.
        catalogue: what the source holds.
        seed: of the split, where there is none, and of the sample.
        per_class: images of each class to draw from each split; None takes all.
        cache: folder for what is found in images; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if the images or classes are not enough.
    """
    catalogue, remarks = without_empty_classes(catalogue)
    splits = [s for s in (catalogue.train, catalogue.test) if s is not None]
    if per_class is not None:
        splits = [sample(split, per_class, seed=seed) for split in splits]
    database = InspectionCache(cache)
    try:
        steps = (
            ("data: train images", "data: test images") if len(splits) > 1 else ("data: images",)
        )
        looked = [
            _look(split, catalogue.class_names, database, step, progress)
            for split, step in zip(splits, steps, strict=True)
        ]
    finally:
        database.close()
    unreadable = tuple(image for split in looked for image in split.unreadable)
    facts = {name: found for split in looked for name, found in split.facts.items()}
    minimum = MIN_TRAIN if len(looked) > 1 else MIN_DRAWN
    check_classes(name, catalogue.class_names, looked[0].images, minimum, unreadable)
    if len(looked) > 1:
        train, test = looked[0].images, looked[1].images
        if not len(test):
            raise InputError(
                f"data {name} has no test image that can be read ({unreadable[-1].id}: "
                f"{unreadable[-1].reason}). Repair the files."
            )
    else:
        train, test = draw_test(looked[0].images, seed=seed)
    about = catalogue.about or f"a third of each class drawn for testing by seed {seed}"
    if per_class is not None:
        about += f"; at most {per_class} images of a class in each split drawn by seed {seed}"
    return ClassificationData(
        name=name,
        class_names=catalogue.class_names,
        train=_labelled(train, facts),
        test=_labelled(test, facts),
        about=about,
        report=DataReport(
            unreadable=unreadable,
            near_duplicates=find_near_duplicates(
                [facts[i] for i in train.ids], train.ids, [facts[i] for i in test.ids], test.ids
            ),
            remarks=(*catalogue.remarks, *remarks, *check_test(catalogue.class_names, test)),
        ),
    )


def _look(
    images: Listing,
    class_names: Sequence[str],
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> _Looked:
    found = inspect(images, cache=cache, step=step, progress=progress)
    good = [i for i, facts in enumerate(found) if isinstance(facts, ImageFacts)]
    return _Looked(
        images.take(good),
        {images.ids[i]: f for i, f in enumerate(found) if isinstance(f, ImageFacts)},
        tuple(
            Unreadable(images.ids[i], class_names[int(images.labels[i])], reason)
            for i, reason in enumerate(found)
            if isinstance(reason, str)
        ),
    )


def _labelled(images: Listing, facts: dict[str, ImageFacts]) -> LabelledImages:
    def read(index: int, min_side: int | None = None) -> Image.Image:
        return read_image(images.content(index), name=images.ids[index], min_side=min_side)

    return LabelledImages(
        images.ids,
        images.labels,
        read,
        fingerprint(images.ids, [facts[name].digest for name in images.ids]),
    )
