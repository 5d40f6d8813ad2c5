"""`imagenet:PATH`: ImageNet-1k as it is handed out."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from polyscale.data.files import files_below, folders_in, is_file, is_folder, read_matlab, read_text
from polyscale.data.folder import check_classes_known
from polyscale.data.image import image_endings
from polyscale.data.listing import Catalogue, list_classes
from polyscale.errors import InputError, require

WNID = re.compile(r"n\d{8}")

INSIDE = Path("ILSVRC") / "Data" / "CLS-LOC"
"""Where Kaggle's archive has the images."""

DEVKITS = (".", "ILSVRC2012_devkit_t12/data", "devkit/data", "ILSVRC/devkit/data")
"""Where the development kit may lie."""


def list_imagenet(path: Path) -> Catalogue:
    """Images of `train/nXXXXXXXX/` and of `val/`, in class folders or flat.

    Flat validation images get their classes from `LOC_val_solution.csv`, or from the development
    kit's `ILSVRC2012_validation_ground_truth.txt` and `meta.mat`. Class names are readable where
    `LOC_synset_mapping.txt` says them, else WordNet's ids; their order is that of the ids.

    Raises:
        InputError: if the layout is another one, or a validation image has no known class.
        MissingExtraError: if `meta.mat` has to be read and scipy is not installed.
    """
    images = path / INSIDE if is_folder(path / INSIDE) else path
    for split in ("train", "val"):
        if not is_folder(images / split):
            raise InputError(
                f"imagenet must have the folders train and val, but {str(images)!r} has no "
                f"{split}. Check the path."
            )
    wnids = _class_folders(images / "train")
    if not wnids:
        raise InputError(
            f"imagenet must have class folders such as n01440764, but {str(images / 'train')!r} "
            "has none. For other folders use folder:PATH."
        )
    train = [(f, wnid) for wnid in wnids for f in _images(images / "train" / wnid)]
    val_wnids = _class_folders(images / "val")
    if val_wnids:
        test = [(f, wnid) for wnid in val_wnids for f in _images(images / "val" / wnid)]
    else:
        flat = _images(images / "val")
        truth = _ground_truth(path, flat)
        test = [(f, truth[f.stem]) for f in flat]
    check_classes_known([wnid for _, wnid in test], wnids, "val/", f"train/ of {images}")
    listings = [list_classes(files, wnids, images) for files in (train, test)]
    about = "ImageNet's own train and val"
    return Catalogue(listings, about, class_names=_names(path, wnids))


def _class_folders(folder: Path) -> list[str]:
    return [c.name for c in folders_in(folder) if WNID.fullmatch(c.name)]


def _images(folder: Path) -> list[Path]:
    return files_below(folder, image_endings())


def _ground_truth(path: Path, files: Iterable[Path]) -> Mapping[str, str]:
    """Stem of a flat validation image → its WordNet id."""
    source = path / "LOC_val_solution.csv"
    if is_file(source):
        try:
            rows = list(csv.reader(read_text(source, "list").splitlines()))[1:]
        except csv.Error as error:
            raise InputError(
                f"list {str(source)!r} must be a table, but is not ({error}). Download it again."
            ) from error
        truth = {row[0]: row[1].split()[0] for row in rows if len(row) > 1 and row[1].strip()}
    else:
        source, truth = _devkit(path)
    for file in files:
        if file.stem not in truth:
            raise InputError(
                f"imagenet: each image of val must have its class in {str(source)!r}, but "
                f"{file.name} has none. Complete the files."
            )
    return truth


def _devkit(path: Path) -> tuple[Path, dict[str, str]]:
    for folder in DEVKITS:
        file = path / folder / "ILSVRC2012_validation_ground_truth.txt"
        meta = path / folder / "meta.mat"
        if is_file(file) and is_file(meta):
            wnids = _meta(meta)
            numbers = read_text(file, "list").split()
            unknown = sorted(set(numbers) - set(wnids))
            if unknown:
                raise InputError(
                    f"imagenet: {str(file)!r} must hold class numbers of meta.mat, but holds "
                    f"{unknown[0]!r}. Take both files from one kit."
                )
            return file, {
                f"ILSVRC2012_val_{i:08d}": wnids[number] for i, number in enumerate(numbers, 1)
            }
    raise InputError(
        f"imagenet: images directly in val need LOC_val_solution.csv or the development kit "
        f"(ILSVRC2012_validation_ground_truth.txt and meta.mat), but {str(path)!r} has neither. "
        "Put one there, or sort the images into class folders."
    )


def _meta(file: Path) -> dict[str, str]:
    """The kit's class number → WordNet id, of classes without subclasses."""
    require("scipy", extra="compare", feature="ImageNet's meta.mat")
    synsets = read_matlab(file, "synsets")["synsets"]
    try:
        return {
            str(int(s["ILSVRC2012_ID"])): str(s["WNID"])
            for s in synsets
            if int(s["num_children"]) == 0
        }
    except (IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"imagenet: synsets of {str(file)!r} must have ILSVRC2012_ID, WNID and num_children, "
            "but have not. Take the file of the development kit."
        ) from error


def _names(path: Path, wnids: list[str]) -> tuple[str, ...]:
    mapping = path / "LOC_synset_mapping.txt"
    if not is_file(mapping):
        return tuple(wnids)
    lines = (line.partition(" ") for line in read_text(mapping, "class names").splitlines())
    words = {wnid: text.split(",")[0].strip() for wnid, _, text in lines}
    names = [words.get(wnid) or wnid for wnid in wnids]
    often = Counter(names)  # crane is a bird and a machine
    return tuple(
        f"{name} ({wnid})" if often[name] > 1 else name
        for name, wnid in zip(names, wnids, strict=True)
    )
