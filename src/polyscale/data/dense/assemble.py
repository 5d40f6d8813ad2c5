"""What a source names → a data set with a target for every pixel: looked at, split, reported."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from polyscale.data.assemble import silent
from polyscale.data.classes import some
from polyscale.data.dense import DenseImages, DepthData, SegmentationData
from polyscale.data.dense.depth_maps import DepthCoding
from polyscale.data.dense.listing import DenseCatalogue
from polyscale.data.dense.look import Looked
from polyscale.data.dense.masks import Classes, MaskCoding
from polyscale.data.dense.splits import gather
from polyscale.data.dense.target_inspection import DEPTH_MAPS, MASKS, TargetFacts
from polyscale.data.fingerprint import fingerprint
from polyscale.data.image import read_image
from polyscale.data.inspection import Progress
from polyscale.data.report import DataReport
from polyscale.errors import InputError


def assemble_segmentation(
    name: str,
    catalogue: DenseCatalogue,
    classes: Classes,
    *,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress = silent,
) -> SegmentationData:
    """Look at every image and mask, leave out what cannot be used, split, search for copies.

    Args:
        name: what the user called the data.
        catalogue: what the source holds.
        classes: what its masks hold.
        seed: of the split, where there is none.
        cache: folder for what is found in files; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if images or classes are not enough, or a mask does not fit its image or the
            classes.
    """
    splits = gather(name, catalogue, MASKS, classes.check, seed, cache, progress)
    coding, names = classes.coding([*splits.train.targets, *splits.test.targets])
    if len(names) < 2:
        raise InputError(
            f"masks of data {name} must hold at least two classes, but hold only "
            f"{', '.join(names) or 'none'} besides those ignored "
            f"({', '.join(map(str, sorted(classes.ignored))) or 'none'}). "
            "Where 255 is a class, say ?ignore=none."
        )
    return SegmentationData(
        name=name,
        class_names=names,
        train=_images(splits.train, coding),
        test=_images(splits.test, coding),
        about=splits.about,
        report=DataReport(
            splits.report.unreadable,
            splits.report.near_duplicates,
            (
                *splits.report.remarks,
                *unseen(names, coding, splits.train.targets, splits.test.targets),
            ),
        ),
    )


def assemble_depth(
    name: str,
    catalogue: DenseCatalogue,
    coding: DepthCoding,
    *,
    crop_yxyx: tuple[float, float, float, float] | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress = silent,
) -> DepthData:
    """Likewise for depth; see `assemble_segmentation` and `DepthData`."""
    splits = gather(name, catalogue, DEPTH_MAPS, coding.check, seed, cache, progress)
    return DepthData(
        name=name,
        train=_images(splits.train, coding),
        test=_images(splits.test, coding),
        about=splits.about,
        report=replace(
            splits.report,
            remarks=(
                *splits.report.remarks,
                *coding.beyond([*splits.train.targets, *splits.test.targets]),
            ),
        ),
        min_depth_m=coding.min_m,
        max_depth_m=coding.max_m,
        crop_yxyx=crop_yxyx,
    )


def unseen(
    names: Sequence[str],
    coding: MaskCoding,
    train: Sequence[TargetFacts],
    test: Sequence[TargetFacts],
) -> list[str]:
    """What to say about classes that a split lacks."""
    remarks = []
    for split, masks, so in (
        ("training", train, "nothing can learn them"),
        ("test", test, "nothing is known of how well they are found"),
    ):
        seen = {value for mask in masks for value in mask.values} - coding.ignored
        absent = [n for n, value in zip(names, coding.values, strict=True) if value not in seen]
        if absent:
            remarks.append(f"Classes in no {split} image: {some(absent)}; {so}.")
    return remarks


def _images(found: Looked, coding: MaskCoding | DepthCoding) -> DenseImages:
    images, targets = found.listing.images, found.listing.targets

    def read(index: int, min_side: int | None = None) -> Image.Image:
        return read_image(images.content(index), name=images.ids[index], min_side=min_side)

    return DenseImages(
        ids=images.ids,
        sizes_hw=tuple(facts.image_hw for facts in found.images),
        read=read,
        target=lambda index: coding.read(targets.content(index), targets.ids[index]),
        fingerprint=fingerprint(images.ids, [facts.digest for facts in found.images]),
        target_fingerprint=fingerprint(
            images.ids, [facts.digest for facts in found.targets], repr(coding)
        ),
    )
