"""`hf:NAME` and `hf:PATH`: data sets through the Hugging Face library `datasets`.

Since its version 4 the library runs no code that comes with a data set. Images stay the bytes they
are until they are read, and are decoded by `read_image` alone.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from polyscale.data.files import exists, is_file, is_folder
from polyscale.data.image import image_endings
from polyscale.data.listing import (
    Catalogue,
    Content,
    Listing,
    assign_roles,
    split_labels,
    to_targets,
)
from polyscale.data.pixels import PixelTargets, to_classes, to_depth_coding
from polyscale.errors import InputError, RunError, first_line, require

DATA_ENDINGS = frozenset({".arrow", ".csv", ".json", ".jsonl", ".parquet", ".tar", ".txt", ".zip"})

MAX_OTHERS = 20_000
"""A folder with so many other files and folders, and fewer of data, is not given to the library,
which needs milliseconds for each."""

COLUMN_NAMES = {
    "image": ("image", "img"),
    "label": ("label", "labels", "class", "target", "category"),
    "labels": ("labels", "label", "tags", "classes", "categories", "attributes"),
    "number": ("number", "value", "target", "score", "label", "rating"),
    "mask": (
        "mask", "annotation", "segmentation", "semantic", "semantic_segmentation", "label",
        "labels", "seg", "segmentation_mask", "semantic_mask", "label_map",
    ),
    "depth": ("depth", "depth_map", "depths", "depth_image"),
}  # fmt: skip
"""What a column holds → what it may be called: that decides among several columns of its type."""


TYPES: dict[str, tuple[set[str], set[str]]] = {
    "image": ({"image"}, set()),
    "label": ({"class"}, {"text", "whole"}),
    "labels": ({"list"}, {"text"}),
    "number": ({"float"}, {"whole"}),
    "mask": ({"image"}, {"image"}),
    "depth": ({"image"}, {"image"}),
}
"""What a column holds → types (see `_type_of`) that are sure to, and that may if called so."""

RIVALS = {"mask": COLUMN_NAMES["depth"], "depth": COLUMN_NAMES["mask"]}
"""Names of columns of pictures that are not sure to hold this."""


def list_hugging_face(name: str, kind: str, options: Mapping[str, str]) -> Catalogue:
    """The images of a data set and their targets.

    Args:
        name: of a data set on the hub; or a local Parquet or Arrow file, a pattern of such files,
            a folder of them or of images, or one that `save_to_disk` wrote.
        kind: of target: `label`, `labels`, `number`, `mask` or `depth`.
        options: `image` and the kind, the columns; `train` and `test`, the splits; `config`; the
            `separator` of labels that are text, default `;`; and those of masks and depth.
    """
    require("datasets", extra="datasets", feature=f"hf:{name}")
    pixels: PixelTargets | None = None
    if kind in ("mask", "depth"):
        pixels = to_classes(options) if kind == "mask" else to_depth_coding(options)
    splits = _load_splits(name, options.get("config"))
    where = f"data hf:{name}"
    features = next(iter(splits.values())).features
    image = _find("image", features, options.get("image"), where)
    column = _find(kind, features, options.get(kind), where, image)
    assign = partial(
        assign_roles, where=where, train=options.get("train"), test=options.get("test")
    )
    pictures = {key: _list_pictures(split, key, image) for key, split in splits.items()}
    if pixels is not None:
        keys, about = assign(splits)
        targets = {key: _list_pictures(splits[key], key, column) for key in keys}
        listings = [replace(pictures[key], targets=targets[key]) for key in keys]
        return Catalogue(listings, about, pixels=pixels)
    separator, word = options.get("separator", ";"), "number" if kind == "number" else "label"
    values = {key: _values(split, column, kind, separator) for key, split in splits.items()}
    # the labels of many test splits are hidden
    hidden = [key for key, v in values.items() if set(v) <= {None, -1 if kind == "label" else None}]
    if len(hidden) == len(values):
        raise InputError(f"{where} must have {word}s, but column {column!r} holds none.")
    keys, about = assign(key for key in values if key not in hidden)
    classes, names = _classes(features[column], kind, [values[key] for key in keys])
    listings, remarks = [], [f"Split without {word}s, left out: {key}." for key in hidden]
    for key in keys:
        known = [i for i, value in enumerate(values[key]) if value is not None]
        lost = len(values[key]) - len(known)
        remarks += [f"Images of split {key} without a {word}, left out: {lost}."] if lost else []
        chosen = to_targets(kind, [values[key][i] for i in known], classes)
        listings.append(replace(pictures[key].take(known), targets=chosen))
    return Catalogue(listings, about, remarks, names)


def _load_splits(name: str, config: str | None) -> dict[str, Any]:
    """The library's splits of a data set."""
    import datasets

    try:
        path = Path(name).expanduser()
        _check_size(path)
        if is_file(path / "dataset_dict.json") or is_file(path / "state.json"):
            loaded = datasets.load_from_disk(str(path))
        elif is_file(path) or any(c in name for c in "*?["):
            kind = "arrow" if path.suffix.lower() == ".arrow" else "parquet"
            loaded = datasets.load_dataset(kind, config, data_files=str(path))
        else:
            is_local = name.startswith((".", "/", "~")) or exists(path)
            if is_local and not is_folder(path):
                problem = "is no regular file" if exists(path) else "does not exist"
                raise InputError(f"data hf:{name} {problem}. Check the path.")
            loaded = datasets.load_dataset(str(path) if is_local else name, config)
    except (ConnectionError, TimeoutError) as error:
        raise RunError(
            f"data hf:{name} cannot be fetched from the hub ({first_line(error)}). "
            "Check the network, or name a local path."
        ) from error
    except InputError:
        raise
    except Exception as error:  # the library raises nearly anything
        raise InputError(
            f"data hf:{name} cannot be loaded ({first_line(error)}). "
            "Check the name, its config and the files."
        ) from error
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split or "all"): loaded}
    return {key: split.with_format(None) for key, split in splits.items()}


def _check_size(path: Path) -> None:
    """Refuse a whole disk or home: the library walks through all of it first, hidden files too."""
    parts = path.parts
    fixed = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    if fixed < len(parts) and "**" not in parts:
        return
    endings = image_endings() | DATA_ENDINGS
    num_data = num_others = 0
    for _, folders, names in os.walk(Path(*parts[:fixed])):
        here = sum(Path(name).suffix.lower() in endings for name in names)
        num_data += here
        num_others += len(folders) + len(names) - here
        if num_others > max(MAX_OTHERS, num_data):
            raise InputError(
                f"data hf:{path} must be the folder of the data, but of the first "
                f"{num_others + num_data} files and folders below it only {num_data} are images or "
                "tables by their names. Name the folder of the data."
            )


def _list_pictures(split: Any, key: str, column: str) -> Listing:
    """The files or the bytes of pictures in a column; nothing is decoded."""
    from datasets import Image

    rows = split.select_columns([column]).cast_column(column, Image(decode=False))

    def content(index: int) -> Content:
        cell = rows[index][column] or {}
        if cell.get("bytes") is not None:
            return bytes(cell["bytes"])
        return Path(cell["path"]) if cell.get("path") else b""

    return Listing(tuple(f"{key}/{i}" for i in range(len(split))), content)


def _values(split: Any, column: str, kind: str, separator: str) -> list[Any]:
    """Of each row its class, labels or number; None where that is not known."""
    names = _names(split.features[column])

    def is_known(value: Any) -> bool:
        return value is not None and (names is None or 0 <= value < len(names))

    def target(value: Any) -> Any:
        if kind == "number":
            return float(value) if value is not None and math.isfinite(value) else None
        if kind == "label" or value is None:
            return value if is_known(value) else None
        labels = split_labels(value, separator) if isinstance(value, str) else value
        return frozenset(filter(is_known, labels))

    return [target(value) for value in split[column]]


def _classes(
    feature: Any, kind: str, values: Iterable[Sequence[Any]]
) -> tuple[Sequence[Any], tuple[str, ...]]:
    """The classes or labels as they stand in the column, and their names."""
    if kind == "number":
        return (), ()
    names = _names(feature)
    if names is not None:
        return range(len(names)), names
    known = (value for split in values for value in split if value is not None)
    classes = sorted(set(known) if kind == "label" else set().union(*known))
    return classes, tuple(map(str, classes))


def _names(feature: Any) -> tuple[str, ...] | None:
    """The data's own names for the numbers in a column, or in its lists."""
    from datasets import ClassLabel

    feature = getattr(feature, "feature", feature)
    return tuple(feature.names) if isinstance(feature, ClassLabel) else None


def _find(
    kind: str, features: Mapping[str, Any], wanted: str | None, where: str, image: str = ""
) -> str:
    """The column of a kind: the only one of its type, or the one that is called so.

    It is another one than `image`.
    """
    sure, possible = (
        [name for name, f in features.items() if name != image and _type_of(f) in types]
        for types in TYPES[kind]
    )
    sure = [name for name in sure if name.lower() not in RIVALS.get(kind, ())]
    if wanted in (*sure, *possible):
        return wanted
    sure_called, possible_called = (
        [name for name in names if name.lower() in COLUMN_NAMES[kind]] for names in (sure, possible)
    )
    for choice in (sure, sure_called, [] if sure else possible_called):
        if wanted is None and len(choice) == 1:
            return choice[0]
    columns = ", ".join(
        f"{name} ({f.dtype if type(f).__name__ == 'Value' else type(f).__name__})"
        for name, f in features.items()
    )
    problem = "none is sure to be it" if wanted is None else f"{wanted!r} is none"
    raise InputError(
        f"{where} must have a column with the {kind}, but of {columns} {problem}. "
        f"Name it with ?{kind}=COLUMN."
    )


def _type_of(feature: Any) -> str:
    """`image`, `class`, `text`, `whole` (numbers), `float` or `list` (of labels); else nothing."""
    from datasets import ClassLabel, Image

    dtype = str(getattr(feature, "dtype", ""))
    if isinstance(feature, dict):
        return "image" if set(feature) == {"bytes", "path"} else ""
    if isinstance(feature, Image) or dtype in ("binary", "large_binary"):
        return "image"
    if isinstance(feature, ClassLabel):
        return "class"
    if hasattr(feature, "feature"):
        return "list" if _type_of(feature.feature) in ("class", "text", "whole") else ""
    if dtype in ("string", "large_string"):
        return "text"
    if dtype == "bool" or dtype.startswith(("int", "uint")):
        return "whole"
    return "float" if dtype.startswith("float") else ""
