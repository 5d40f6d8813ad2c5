"""Builds both splits of a data set from a source, and reports what is wrong with its files."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polyscale.data.dataset import MIN_DRAWN, MIN_TRAIN, DenseImages, LabelledImages
from polyscale.data.duplicates import find_same_pictures
from polyscale.data.files import printable
from polyscale.data.inspection import inspect, inspect_targets
from polyscale.data.inspection_cache import InspectionCache
from polyscale.data.listing import Catalogue, Listing, draw_test
from polyscale.data.pixels import DepthCoding, MaskCoding, PixelTargets, first_names
from polyscale.data.suspicious import find_suspicious
from polyscale.decode import read_image
from polyscale.errors import InputError
from polyscale.records import DataReport, ImageSizes, Unreadable
from polyscale.types import HW, Progress


def assemble(
    name: str, catalogue: Catalogue, seed: int, cache: str | Path | None, progress: Progress
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read every image and target, leave out what is unusable, divide, and look for oddities.

    The name is what the user called the data. Returns what every `DataSet` has, and the names of
    classes or labels.
    """
    if catalogue.has_classes:
        catalogue = _without_empty_classes(catalogue)
    steps = ("data: train ", "data: test ") if len(catalogue.splits) > 1 else ("data: ",)
    unreadable: list[Unreadable] = []
    remarks: list[str] = []
    with closing(InspectionCache(cache)) as database:
        splits = [
            _inspect(split, catalogue, database, step, progress, unreadable, remarks)
            for split, step in zip(catalogue.splits, steps, strict=True)
        ]
    if catalogue.has_classes:
        _check_classes(name, catalogue.class_names, splits, unreadable)
    train, test = splits if len(splits) > 1 else draw_test(splits[0], seed=seed)
    reasons = [*(f"{u.id}: {u.reason}" for u in unreadable), *remarks]
    _check_enough(name, catalogue.pixels, train, test, reasons)
    remarks = [*catalogue.remarks, *remarks]
    class_names = tuple(catalogue.class_names)
    coding: MaskCoding | DepthCoding | None = None
    if catalogue.pixels is not None:
        coding, class_names, more = catalogue.pixels.coding(
            *(split.target_files.facts for split in (train, test))
        )
        remarks += more
    elif catalogue.has_classes:
        remarks += _untested(class_names, test)
    elif class_names:
        train, test, class_names, more = _without_unlearnable(class_names, train, test)
        remarks += more
    of_what = "each class" if catalogue.has_classes else "the images"
    about = catalogue.about or f"a third of {of_what} drawn for testing by seed {seed}"
    report = DataReport(unreadable=tuple(unreadable), remarks=tuple(map(printable, remarks)))
    fields = {
        "name": name,
        "train": _to_split(train, coding),
        "test": _to_split(test, coding),
        "about": about + catalogue.sampled,
        "report": look_at_images(report, train, test, cache),
        "is_drawn": len(splits) == 1,
        "num_unlimited": catalogue.num_unlimited,
    }
    return fields, class_names


def look_at_images(
    report: DataReport, train: Listing, test: Listing, cache: str | Path | None
) -> DataReport:
    """The report with what is seen in the images of both splits."""
    with closing(InspectionCache(cache)) as database:
        near, suspect = find_same_pictures(train, test, database)
    return replace(
        report,
        near_duplicates=near,
        suspect_pairs=suspect,
        suspicious=(*find_suspicious("train", train), *find_suspicious("test", test)),
        sizes=ImageSizes.of(facts.image_hw for facts in (*train.facts, *test.facts)),
    )


def _inspect(
    listing: Listing,
    catalogue: Catalogue,
    cache: InspectionCache,
    step: str,
    progress: Progress,
    unreadable: list[Unreadable],
    remarks: list[str],
) -> Listing:
    """The images that can be used, together with their masks or depth maps where they have some.

    Others are added to `unreadable`, or counted in `remarks`.
    """
    kind, ids = catalogue.pixels, listing.ids
    images = inspect(listing, cache=cache, step=f"{step}images", progress=progress)
    if kind is None:
        names = catalogue.class_names if catalogue.has_classes else ("",)
        unreadable += [
            Unreadable(ids[i], names[int(listing.classes[i])], reason)
            for i, reason in enumerate(images)
            if isinstance(reason, str)
        ]
        good = [i for i, facts in enumerate(images) if not isinstance(facts, str)]
        return replace(listing.take(good), facts=[images[i] for i in good])
    files, word = listing.target_files, kind.word
    targets = inspect_targets(files, kind, cache=cache, step=f"{step}{word}s", progress=progress)
    good, empty = list[int](), list[int]()
    for i, (image, target) in enumerate(zip(images, targets, strict=True)):
        if isinstance(image, str):
            unreadable.append(Unreadable(ids[i], "", image))
        elif isinstance(target, str):
            unreadable.append(Unreadable(ids[i], "", f"its {word} {files.ids[i]}: {target}"))
        else:
            _check_size(word, ids[i], image.image_hw, files.ids[i], target.target_hw)
            (good if kind.check(files.ids[i], target) else empty).append(i)
    if empty:
        remarks.append(
            f"Images whose {word} has no pixel that counts, left out: {len(empty)}, for example "
            f"{ids[empty[0]]}."
        )
    usable_targets = replace(files.take(good), facts=[targets[i] for i in good])
    return replace(listing.take(good), targets=usable_targets, facts=[images[i] for i in good])


def _check_size(word: str, image_id: str, image_hw: HW, target_id: str, target_hw: HW) -> None:
    if image_hw != target_hw:
        (height, width), (target_height, target_width) = image_hw, target_hw
        raise InputError(
            f"{word} {target_id} must have the size of its image {image_id} ({width}×{height} px "
            f"upright), but has {target_width}×{target_height} px. Resize it with nearest "
            "neighbours, or check that the two belong together."
        )


def _check_enough(
    name: str, kind: PixelTargets | None, train: Listing, test: Listing, reasons: Sequence[str]
) -> None:
    """Refuse a data set with too few usable images; the reasons say why others were left out."""
    why = f" ({reasons[0]})" if reasons else ""
    with_target = f" with a {kind.word}" if kind is not None else ""
    advice = kind.advice if kind is not None else "Add images, or repair the files."
    for split, usable, minimum in (("training", train, MIN_TRAIN), ("test", test, 1)):
        if len(usable) < minimum:
            raise InputError(
                f"data {name} must have at least {minimum} {split} images{with_target} that "
                f"can be used, but has {len(usable)}{why}. {advice}"
            )


def _to_split(
    listing: Listing, coding: MaskCoding | DepthCoding | None
) -> LabelledImages | DenseImages:
    """The split of a data set; `coding` says what the numbers in targets' files mean."""

    def read(index: int, min_side: int | None = None) -> Image.Image:
        return read_image(listing.content(index), name=listing.ids[index], min_side=min_side)

    fingerprint = fingerprint_of(listing.ids, listing.facts)
    if coding is None:
        return LabelledImages(listing.ids, listing.values, read, fingerprint)
    targets = listing.target_files
    return DenseImages(
        ids=listing.ids,
        sizes_hw=tuple(facts.image_hw for facts in listing.facts),
        read=read,
        target=lambda index: coding.read(targets.content(index), targets.ids[index]),
        fingerprint=fingerprint,
        target_fingerprint=fingerprint_of(listing.ids, targets.facts, repr(coding)),
    )


def fingerprint_of(ids: Sequence[str], facts: Sequence[Any], also: str = "") -> str:
    """Changes with any name, with any file's bytes and with `also`."""
    whole = blake2b(digest_size=16)
    for name, fact in zip(ids, facts, strict=True):
        whole.update(f"{name}\0{fact.digest.hex()}\n".encode())
    whole.update(also.encode())
    return whole.hexdigest()


def _without_empty_classes(catalogue: Catalogue) -> Catalogue:
    """Take out classes that no image has, and renumber the others."""
    names = catalogue.class_names
    counts = [np.bincount(split.classes, minlength=len(names)) for split in catalogue.splits]
    is_there = counts[0] > 0
    only_tested = np.flatnonzero((counts[-1] > 0) & ~is_there).tolist()
    if only_tested:
        raise InputError(
            f"class {names[only_tested[0]]!r} has test images but no training images. "
            "Both splits need the same classes."
        )
    if is_there.all():
        return catalogue
    missing = [names[i] for i in np.flatnonzero(~is_there).tolist()]
    new = np.cumsum(is_there) - 1
    return replace(
        catalogue,
        splits=[replace(split, targets=new[split.classes]) for split in catalogue.splits],
        class_names=[names[i] for i in np.flatnonzero(is_there).tolist()],
        remarks=[*catalogue.remarks, f"Classes without images, left out: {first_names(missing)}."],
    )


def _check_classes(
    name: str,
    class_names: Sequence[str],
    splits: Sequence[Listing],
    unreadable: Sequence[Unreadable],
) -> None:
    """Refuse classes with too few images, and say why they lost images."""
    if len(class_names) < 2:
        return  # ClassificationData says so better
    minimum = MIN_TRAIN if len(splits) > 1 else MIN_DRAWN
    counts = np.bincount(splits[0].classes, minlength=len(class_names))
    rare = int(counts.argmin())
    if counts[rare] < minimum:
        lost = [u for u in unreadable if u.class_name == class_names[rare]]
        because = (
            f"; {len(lost)} cannot be read, for example {lost[0].id} ({lost[0].reason})"
            if lost
            else ""
        )
        purpose = "to be split into train and test" if minimum == MIN_DRAWN else "to train on"
        raise InputError(
            f"data {name}: class {class_names[rare]!r} must have at least {minimum} images "
            f"{purpose}, but has {counts[rare]}{because}. Add images, or take the class out."
        )


def _untested(class_names: Sequence[str], test: Listing) -> list[str]:
    """What to say about classes that cannot be tested well."""
    counts = np.bincount(test.classes, minlength=len(class_names))
    untested = [n for n, count in zip(class_names, counts, strict=True) if not count]
    remarks = []
    if untested:
        remarks.append(f"Classes without test images: {first_names(untested)}.")
    if len(test) < len(class_names):
        remarks.append(
            f"There are fewer test images ({len(test)}) than classes ({len(class_names)}): "
            "intervals will be wide."
        )
    return remarks


def _without_unlearnable(
    names: tuple[str, ...], train: Listing, test: Listing
) -> tuple[Listing, Listing, tuple[str, ...], list[str]]:
    """Take out labels that no training image has: nothing could learn them."""
    in_train, in_test = (split.values.any(axis=0) for split in (train, test))
    kept = np.flatnonzero(in_train)
    remarks = []
    unlearnable = [names[i] for i in np.flatnonzero(~in_train)]
    if unlearnable:
        remarks.append(f"Labels without training images, left out: {first_names(unlearnable)}.")
    untested = [names[i] for i in np.flatnonzero(in_train & ~in_test)]
    if untested:
        remarks.append(f"Labels without test images: {first_names(untested)}.")
    train, test = (replace(split, targets=split.values[:, kept]) for split in (train, test))
    return train, test, tuple(names[i] for i in kept), remarks
