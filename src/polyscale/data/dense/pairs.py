"""`pairs:PATH` and `ade20k:PATH`: images in one folder, their masks or depth maps in another."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from polyscale.data.dense.listing import DenseCatalogue, list_pairs
from polyscale.data.dense.stored import target_endings
from polyscale.data.folder import check_name, files_below, is_folder, passed_over
from polyscale.data.image import image_endings
from polyscale.data.splits import Roles, assign_roles, role_of
from polyscale.errors import InputError

Pair = tuple[str, Path, str, Path]
"""Id and path of an image, name and path of its target."""


def list_pair_folders(path: Path, folder: str, *, word: str) -> DenseCatalogue:
    """Images of `images/` and what belongs to them in another folder, by the names' stems.

    Both may hold folders called train and test or val; else the images are drawn from. Folders
    below count as a part of the stem.

    Args:
        path: the folder above both.
        folder: name of the folder with the targets.
        word: what a target is.

    Raises:
        InputError: if a folder is missing, two images have one stem, or no image has a target.
    """
    for name in ("images", folder):
        if not is_folder(path / name):
            raise InputError(
                f"data must have the folders images and {folder}, but {str(path)!r} has no {name}. "
                "Check the path."
            )
    splits = _split_folders(path / "images")
    remarks: list[str] = []
    if not splits:
        pairs = match(path, Path("images"), Path(folder), word, remarks)
        return DenseCatalogue(list_pairs(pairs), None, None, tuple(remarks))
    roles = assign_roles(splits, where=f"data folder {str(path / 'images')!r}")
    partners = _split_folders(path / folder)
    for partner in partners:
        if _same_role(partner, splits) is None:
            raise InputError(
                f"images of {str(path)!r} must have the split folders of {folder}, but has no "
                f"{partner}. Add it, or take {folder}/{partner} out."
            )

    def of(split: str) -> list[Pair]:
        partner = split if split in partners else _same_role(split, partners)
        if partner is None:
            raise InputError(
                f"{folder} of {str(path)!r} must have the split folders of images, but has no "
                f"{split}. Add it."
            )
        return match(path, Path("images") / split, Path(folder) / partner, word, remarks)

    return of_roles(roles, {s: of(s) for s in (roles.train, roles.test) if s is not None}, remarks)


def of_roles(
    roles: Roles, pairs: Mapping[str, list[Pair]], remarks: Iterable[str]
) -> DenseCatalogue:
    """The catalogue of chosen splits."""
    test = None if roles.test is None else list_pairs(pairs[roles.test])
    return DenseCatalogue(list_pairs(pairs[roles.train]), test, roles.about, tuple(remarks))


def match(path: Path, images: Path, targets: Path, word: str, remarks: list[str]) -> list[Pair]:
    """Images and targets with the same stem.

    Args:
        path: what ids are relative to.
        images: folder of the images, relative to `path`.
        targets: folder of the targets, relative to `path`.
        word: what a target is.
        remarks: gets what has no partner.

    Raises:
        InputError: if two files have one stem, or nothing fits.
    """
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
    return [
        (
            pictures[stem].relative_to(path).as_posix(),
            pictures[stem],
            partners[stem].relative_to(path).as_posix(),
            partners[stem],
        )
        for stem in both
    ]


def _by_stem(folder: Path, endings: frozenset[str], others: Counter[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(files_below(folder)):
        if file.suffix.lower() not in endings:
            others[file.suffix.lower() or file.name] += 1
            continue
        check_name(file)
        stem = file.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise InputError(
                f"files of {str(folder)!r} must differ in more than their endings, but "
                f"{found[stem].name} and {file.name} do not. Take one out."
            )
        found[stem] = file
    return found


def _split_folders(folder: Path) -> list[str]:
    return sorted(c.name for c in folder.iterdir() if role_of(c.name) and is_folder(c))


def _same_role(split: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if role_of(name) == role_of(split)), None)
