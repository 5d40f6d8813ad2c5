"""`imagenet:PATH`: ImageNet-1k as it is handed out."""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from polyscale.data.folder import is_folder
from polyscale.data.image import image_endings
from polyscale.data.listing import Catalogue, list_files
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
    numbers = {wnid: i for i, wnid in enumerate(wnids)}
    train = [(f, wnid) for wnid in wnids for f in _images(images / "train" / wnid)]
    val_wnids = _class_folders(images / "val")
    if val_wnids:
        test = [(f, wnid) for wnid in val_wnids for f in _images(images / "val" / wnid)]
    else:
        flat = _images(images / "val")
        truth = _ground_truth(path, flat)
        test = [(f, truth[f.stem]) for f in flat]
    unknown = sorted({wnid for _, wnid in test} - set(wnids))
    if unknown:
        raise InputError(
            f"class {unknown[0]!r} is in val/ but not in train/ of {images}. Both need the same "
            "classes."
        )
    listings = [
        list_files([(f.relative_to(images).as_posix(), f, numbers[wnid]) for f, wnid in files])
        for files in (train, test)
    ]
    return Catalogue(_names(path, wnids), listings[0], listings[1], "ImageNet's own train and val")


def _class_folders(folder: Path) -> list[str]:
    return sorted(c.name for c in folder.iterdir() if WNID.fullmatch(c.name) and c.is_dir())


def _images(folder: Path) -> list[Path]:
    endings = image_endings()
    return sorted(
        f for f in folder.iterdir() if f.suffix.lower() in endings and not f.name.startswith(".")
    )


def _ground_truth(path: Path, files: Iterable[Path]) -> dict[str, str]:
    """Stem of a flat validation image → its WordNet id."""
    solution = path / "LOC_val_solution.csv"
    if solution.is_file():
        with solution.open(encoding="utf-8", newline="") as table:
            rows = list(csv.reader(table))[1:]
        truth = {row[0]: row[1].split()[0] for row in rows if len(row) > 1 and row[1].strip()}
        source = solution
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
        numbers = path / folder / "ILSVRC2012_validation_ground_truth.txt"
        meta = path / folder / "meta.mat"
        if numbers.is_file() and meta.is_file():
            wnids = _meta(meta)
            lines = numbers.read_text(encoding="ascii").split()
            if set(map(int, lines)) - set(wnids):
                raise InputError(
                    f"imagenet: {str(numbers)!r} must hold class numbers of meta.mat, but holds "
                    "others. Take both files from one kit."
                )
            return numbers, {
                f"ILSVRC2012_val_{i:08d}": wnids[int(line)] for i, line in enumerate(lines, 1)
            }
    raise InputError(
        f"imagenet: images directly in val need LOC_val_solution.csv or the development kit "
        f"(ILSVRC2012_validation_ground_truth.txt and meta.mat), but {str(path)!r} has neither. "
        "Put one there, or sort the images into class folders."
    )


def _meta(file: Path) -> dict[int, str]:
    """The kit's class number → WordNet id, of classes without subclasses."""
    require("scipy", extra="compare", feature="ImageNet's meta.mat")
    from scipy.io import loadmat

    synsets = loadmat(file, squeeze_me=True, variable_names=["synsets"])["synsets"]
    return {int(s["ILSVRC2012_ID"]): str(s["WNID"]) for s in synsets if int(s["num_children"]) == 0}


def _names(path: Path, wnids: list[str]) -> tuple[str, ...]:
    mapping = path / "LOC_synset_mapping.txt"
    if not mapping.is_file():
        return tuple(wnids)
    lines = (line.partition(" ") for line in mapping.read_text(encoding="utf-8").splitlines())
    words = {wnid: text.split(",")[0].strip() for wnid, _, text in lines}
    names = [words.get(wnid) or wnid for wnid in wnids]
    often = Counter(names)  # crane is a bird and a machine
    return tuple(
        f"{name} ({wnid})" if often[name] > 1 else name
        for name, wnid in zip(names, wnids, strict=True)
    )
