"""Builds both splits of a data set from a source, and reports what is wrong with its files."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polyscale.data.dataset import MIN_DRAWN, MIN_TRAIN, DenseImages, LabelledImages
from polyscale.data.duplicates import find_near_duplicates
from polyscale.data.files import printable
from polyscale.data.inspection import inspect, inspect_targets
from polyscale.data.inspection_cache import ImageFacts, InspectionCache, TargetFacts
from polyscale.data.listing import Catalogue, Listing, draw_test
from polyscale.data.pixels import DepthCoding, MaskCoding, PixelTargets, first_names
from polyscale.decode import read_image
from polyscale.errors import InputError
from polyscale.records import DataReport, Unreadable
from polyscale.types import Progress


@dataclass(frozen=True)
class Usable:
    """The usable images of a listing, what is known of them, and why others were left out.

    Attributes:
        listing: the usable ones.
        images: id of an image → what was found in it.
        targets: id of an image → what was found in the file of its target; empty where targets are
            no files.
        unreadable: images that cannot be read, or whose targets cannot.
        remarks: what the user should know, as sentences.
    """

    listing: Listing
    images: Mapping[str, ImageFacts]
    targets: Mapping[str, TargetFacts]
    unreadable: tuple[Unreadable, ...]
    remarks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.listing)

    @property
    def image_facts(self) -> list[ImageFacts]:
        """Of each image."""
        return [self.images[name] for name in self.listing.ids]

    @property
    def target_facts(self) -> list[TargetFacts]:
        """Of the file of each target."""
        return [self.targets[name] for name in self.listing.ids]

    def split(self, coding: MaskCoding | DepthCoding | None) -> LabelledImages | DenseImages:
        """The split of a data set; `coding` says what the numbers in targets' files mean."""
        listing, targets = self.listing, self.listing.targets

        def read(index: int, min_side: int | None = None) -> Image.Image:
            return read_image(listing.content(index), name=listing.ids[index], min_side=min_side)

        fingerprint = _hash(listing.ids, [facts.digest for facts in self.image_facts])
        if coding is None:
            return LabelledImages(listing.ids, listing.values, read, fingerprint)
        assert isinstance(targets, Listing)
        return DenseImages(
            ids=listing.ids,
            sizes_hw=tuple(facts.image_hw for facts in self.image_facts),
            read=read,
            target=lambda index: coding.read(targets.content(index), targets.ids[index]),
            fingerprint=fingerprint,
            target_fingerprint=_hash(
                listing.ids, [facts.digest for facts in self.target_facts], repr(coding)
            ),
        )


def assemble(
    name: str, catalogue: Catalogue, seed: int, cache: Path | None, progress: Progress
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read every image and target, leave out what is unusable, divide, and search for copies.

    Args:
        name: what the user called the data.
        catalogue: what the source holds.
        seed: of the split, where there is none.
        cache: folder for what is found in files; None keeps nothing.
        progress: told what is being done.

    Returns:
        What every `DataSet` has, and the names of classes or labels.
    """
    if catalogue.has_classes:
        catalogue = _without_empty_classes(catalogue)
    steps = ("data: ",) if catalogue.test is None else ("data: train ", "data: test ")
    with closing(InspectionCache(cache)) as database:
        splits = [
            _inspect(split, catalogue, database, step, progress)
            for split, step in zip(catalogue.splits, steps, strict=True)
        ]
    unreadable = tuple(image for split in splits for image in split.unreadable)
    if catalogue.has_classes:
        _check_classes(name, catalogue.class_names, splits, unreadable)
    train, test = splits if len(splits) > 1 else _draw(splits[0], seed)
    _check_enough(name, catalogue.pixels, splits, train, test)
    remarks = [*catalogue.remarks, *(remark for split in splits for remark in split.remarks)]
    class_names, more = catalogue.class_names, list[str]()
    coding: MaskCoding | DepthCoding | None = None
    if catalogue.pixels is not None:
        coding, class_names, more = catalogue.pixels.coding(train.target_facts, test.target_facts)
    elif catalogue.has_classes:
        more = _untested(class_names, test)
    elif class_names:
        train, test, class_names, more = _without_unlearnable(class_names, train, test)
    of_what = "each class" if catalogue.has_classes else "the images"
    about = catalogue.about or f"a third of {of_what} drawn for testing by seed {seed}"
    copies = find_near_duplicates(
        train.image_facts, train.listing.ids, test.image_facts, test.listing.ids
    )
    fields = {
        "name": name,
        "train": train.split(coding),
        "test": test.split(coding),
        "about": about + catalogue.sampled,
        "report": DataReport(unreadable, copies, tuple(map(printable, [*remarks, *more]))),
    }
    return fields, class_names


def _hash(ids: Sequence[str], digests: Sequence[bytes], also: str = "") -> str:
    """Changes with any name, with any digest and with `also`."""
    whole = blake2b(digest_size=16)
    for name, digest in zip(ids, digests, strict=True):
        whole.update(f"{name}\0{digest.hex()}\n".encode())
    whole.update(also.encode())
    return whole.hexdigest()


def _draw(everything: Usable, seed: int) -> tuple[Usable, Usable]:
    train, test = draw_test(everything.listing, seed=seed)
    return replace(everything, listing=train), replace(everything, listing=test)


def _inspect(
    listing: Listing, catalogue: Catalogue, cache: InspectionCache, step: str, progress: Progress
) -> Usable:
    images = inspect(listing, cache=cache, step=f"{step}images", progress=progress)
    if catalogue.pixels is not None:
        return _inspect_targets(listing, images, catalogue.pixels, cache, step, progress)
    names = catalogue.class_names if catalogue.has_classes else ("",)
    good: dict[int, ImageFacts] = {}
    unreadable = []
    for i, (image_id, image) in enumerate(zip(listing.ids, images, strict=True)):
        if isinstance(image, str):
            unreadable.append(Unreadable(image_id, names[int(listing.classes[i])], image))
        else:
            good[i] = image
    facts = {listing.ids[i]: image for i, image in good.items()}
    return Usable(listing.take(list(good)), facts, {}, tuple(unreadable), ())


def _inspect_targets(
    listing: Listing,
    images: Sequence[ImageFacts | str],
    kind: PixelTargets,
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> Usable:
    """Which images can be used together with their masks or depth maps."""
    assert isinstance(listing.targets, Listing)
    targets = inspect_targets(
        listing.targets, kind, cache=cache, step=f"{step}{kind.word}s", progress=progress
    )
    good: list[tuple[int, ImageFacts, TargetFacts]] = []
    unreadable, empty = [], []
    for i, (image, target) in enumerate(zip(images, targets, strict=True)):
        image_id, target_id = listing.ids[i], listing.targets.ids[i]
        if isinstance(image, str):
            unreadable.append(Unreadable(image_id, "", image))
        elif isinstance(target, str):
            unreadable.append(Unreadable(image_id, "", f"its {kind.word} {target_id}: {target}"))
        elif image.image_hw != target.target_hw:
            raise _other_size(kind.word, image_id, image, target_id, target)
        elif kind.check(target_id, target):
            good.append((i, image, target))
        else:
            empty.append(image_id)
    remarks = (f"Images whose {kind.word} has no pixel that counts, left out: {len(empty)}, "
               f"for example {empty[0]}.",) if empty else ()  # fmt: skip
    return Usable(
        listing.take([i for i, _, _ in good]),
        {listing.ids[i]: image for i, image, _ in good},
        {listing.ids[i]: target for i, _, target in good},
        tuple(unreadable),
        remarks,
    )


def _other_size(
    word: str, image_id: str, image: ImageFacts, target_id: str, target: TargetFacts
) -> InputError:
    (height, width), (target_height, target_width) = image.image_hw, target.target_hw
    return InputError(
        f"{word} {target_id} must have the size of its image {image_id} ({width}×{height} px "
        f"upright), but has {target_width}×{target_height} px. Resize it with nearest neighbours, "
        "or check that the two belong together."
    )


def _check_enough(
    name: str, kind: PixelTargets | None, splits: Sequence[Usable], train: Usable, test: Usable
) -> None:
    """Refuse a data set with too few usable images; why others were left out is told."""
    reasons = [
        reason
        for split in splits
        for reason in (*(f"{u.id}: {u.reason}" for u in split.unreadable[:1]), *split.remarks)
    ]
    why = f" ({reasons[0]})" if reasons else ""
    with_target = f" with a {kind.word}" if kind is not None else ""
    advice = kind.advice if kind is not None else "Add images, or repair the files."
    for split, usable, minimum in (("training", train, MIN_TRAIN), ("test", test, 1)):
        if len(usable) < minimum:
            raise InputError(
                f"data {name} must have at least {minimum} {split} images{with_target} that "
                f"can be used, but has {len(usable)}{why}. {advice}"
            )


def _without_empty_classes(catalogue: Catalogue) -> Catalogue:
    """Take out classes that no image has, and renumber the others."""
    names, train, test = catalogue.class_names, catalogue.train, catalogue.test
    in_train = np.bincount(train.classes, minlength=len(names)) > 0
    in_test = in_train if test is None else np.bincount(test.classes, minlength=len(names)) > 0
    if (in_test & ~in_train).any():
        only = names[int(np.flatnonzero(in_test & ~in_train)[0])]
        raise InputError(
            f"class {only!r} has test images but no training images. "
            "Both splits need the same classes."
        )
    if in_train.all():
        return catalogue
    new = np.cumsum(in_train) - 1
    missing = [n for n, there in zip(names, in_train, strict=True) if not there]
    return catalogue.change(
        lambda split: replace(split, targets=new[split.classes]),
        class_names=tuple(n for n, there in zip(names, in_train, strict=True) if there),
        remarks=(*catalogue.remarks, f"Classes without images, left out: {first_names(missing)}."),
    )


def _check_classes(
    name: str,
    class_names: Sequence[str],
    splits: Sequence[Usable],
    unreadable: Sequence[Unreadable],
) -> None:
    """Refuse classes with too few images, and say why they lost images."""
    if len(class_names) < 2:
        return  # ClassificationData says so better
    minimum = MIN_TRAIN if len(splits) > 1 else MIN_DRAWN
    counts = np.bincount(splits[0].listing.classes, minlength=len(class_names))
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


def _untested(class_names: Sequence[str], test: Usable) -> list[str]:
    """What to say about classes that cannot be tested well."""
    counts = np.bincount(test.listing.classes, minlength=len(class_names))
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
    names: tuple[str, ...], train: Usable, test: Usable
) -> tuple[Usable, Usable, tuple[str, ...], list[str]]:
    """Take out labels that no training image has: nothing could learn them."""
    in_train, in_test = (split.listing.values.any(axis=0) for split in (train, test))
    kept = np.flatnonzero(in_train)
    remarks = []
    unlearnable = [names[i] for i in np.flatnonzero(~in_train)]
    if unlearnable:
        remarks.append(f"Labels without training images, left out: {first_names(unlearnable)}.")
    untested = [names[i] for i in np.flatnonzero(in_train & ~in_test)]
    if untested:
        remarks.append(f"Labels without test images: {first_names(untested)}.")
    train, test = (
        replace(split, listing=replace(split.listing, targets=split.listing.values[:, kept]))
        for split in (train, test)
    )
    return train, test, tuple(names[i] for i in kept), remarks
