"""`pairs:PATH` and `ade20k:PATH`: images in one folder, their masks or depth maps in another."""

from collections import Counter
from pathlib import Path

from polyscale.data.files import files_below, folders_in, is_file, is_folder, passed_over, read_text
from polyscale.data.image import image_endings, target_endings
from polyscale.data.listing import (
    Catalogue,
    Listing,
    assign_roles,
    list_files,
    role_of,
)
from polyscale.data.pixels import IGNORED_VALUE, MaskClasses, PixelTargets
from polyscale.errors import InputError

NUM_ADE20K_CLASSES = 150

INSIDE_ADE20K = "ADEChallengeData2016"
"""The folder that ADE20K's archive unpacks to."""


def list_pairs(path: Path, folder: str, pixels: PixelTargets) -> Catalogue:
    """Images of `images/` and what belongs to them in another folder, by the names' stems.

    Both may hold folders called train and test or val; else the test images are drawn. Folders
    below count as a part of the stem.
    """
    for name in ("images", folder):
        if not is_folder(path / name):
            raise InputError(
                f"data must have the folders images and {folder}, but {str(path)!r} has no {name}. "
                "Check the path."
            )
    splits, partners = (_splits_by_role(path / name) for name in ("images", folder))
    remarks: list[str] = []
    if not splits:
        pairs = _match(path, Path("images"), Path(folder), pixels.word, remarks)
        return Catalogue([pairs], None, remarks, pixels=pixels)
    names, about = assign_roles(splits.values(), where=f"data folder {str(path / 'images')!r}")
    for role, partner in partners.items():
        if role not in splits:
            raise InputError(
                f"images of {str(path)!r} must have the split folders of {folder}, but has no "
                f"{partner}. Add it, or take {folder}/{partner} out."
            )

    def list_split(split: str) -> Listing:
        partner = partners.get(role_of(split))
        if partner is None:
            raise InputError(
                f"{folder} of {str(path)!r} must have the split folders of images, but has no "
                f"{split}. Add it."
            )
        return _match(path, Path("images") / split, Path(folder) / partner, pixels.word, remarks)

    return Catalogue([list_split(name) for name in names], about, remarks, pixels=pixels)


def list_ade20k(path: Path) -> Catalogue:
    """ADE20K as the scene parsing challenge of 2016 handed it out: 150 classes.

    The splits are `training/` and `validation/`. Number 0 is anything else and ignored; class names
    are the first ones of `objectInfo150.txt` where that lies beside.
    """
    root = path / INSIDE_ADE20K if is_folder(path / INSIDE_ADE20K) else path
    for kind in ("images", "annotations"):
        for split in ("training", "validation"):
            if not is_folder(root / kind / split):
                raise InputError(
                    f"ade20k must have the folders images and annotations with training and "
                    f"validation each, but {str(root)!r} has no {kind}/{split}. Check the path; "
                    "for other folders use pairs:PATH."
                )
    remarks: list[str] = []
    listings = [
        _match(root, Path("images") / split, Path("annotations") / split, "mask", remarks)
        for split in ("training", "validation")
    ]
    names = _ade20k_names(root / "objectInfo150.txt")
    classes = MaskClasses(names=names, first=1, ignored=frozenset({0, IGNORED_VALUE}))
    about = "ADE20K's own training and validation"
    return Catalogue(listings, about, remarks, pixels=classes)


def _ade20k_names(file: Path) -> tuple[str, ...]:
    numbers = range(1, NUM_ADE20K_CLASSES + 1)
    if not is_file(file):
        return tuple(f"class {number}" for number in numbers)
    text = read_text(file, "class names", advice="Take the file of the data set, or take it out.")
    rows = [line.split("\t") for line in text.splitlines()]
    known = {str(number) for number in numbers}
    full = {int(row[0]): row[-1].strip() for row in rows if row[0].strip() in known}
    if len(full) != NUM_ADE20K_CLASSES or not all(full.values()):
        raise InputError(
            f"{str(file)!r} must name the classes 1 to {NUM_ADE20K_CLASSES}, a line each with "
            f"tabs, but names {len(full)}. Take the file of the data set, or take it out."
        )
    first = {number: words.split(",")[0].strip() for number, words in full.items()}
    often = Counter(first.values())
    return tuple(first[n] if often[first[n]] == 1 else f"{full[n]} ({n})" for n in numbers)


def _match(path: Path, images: Path, targets: Path, word: str, remarks: list[str]) -> Listing:
    """Images and targets with the same stem."""
    others = Counter[str]()
    pictures = _by_stem(path / images, image_endings(), others)
    partners = _by_stem(path / targets, target_endings(), others)
    both = [stem for stem in pictures if stem in partners]
    if not both:
        example = f", for example {next(iter(pictures))}" if pictures else ""
        raise InputError(
            f"images of {str(path / images)!r} must have a {word} each in {str(path / targets)!r} "
            f"with the same name but for the ending, but none of {len(pictures)} has{example}. "
            "Rename the files."
        )
    for there, needed, what, without in (
        (pictures, partners, "Images", f"a {word}"),
        (partners, pictures, f"{word.capitalize()}s", "an image"),
    ):
        alone = [file for stem, file in there.items() if stem not in needed]
        if alone:
            remarks.append(
                f"{what} without {without}, left out: {len(alone)}, for example "
                f"{alone[0].relative_to(path).as_posix()}."
            )
    remarks += passed_over(others)
    image_files, target_files = (
        [(files[stem].relative_to(path).as_posix(), files[stem]) for stem in both]
        for files in (pictures, partners)
    )
    return list_files(image_files, list_files(target_files))


def _by_stem(folder: Path, endings: frozenset[str], others: Counter[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in files_below(folder, endings, others):
        stem = file.relative_to(folder).with_suffix("").as_posix()
        if stem in files:
            raise InputError(
                f"files of {str(folder)!r} must differ in more than their endings, but "
                f"{files[stem].name} and {file.name} do not. Take one out."
            )
        files[stem] = file
    return files


def _splits_by_role(folder: Path) -> dict[str | None, str]:
    """Role of a split → name of its folder."""
    return {role_of(f.name): f.name for f in reversed(folders_in(folder)) if role_of(f.name)}
