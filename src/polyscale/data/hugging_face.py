"""`hf:NAME` and `hf:PATH`: data sets through the Hugging Face library `datasets`.

Since its version 4 the library runs no code that comes with a data set. Images stay the bytes they
are until they are read, and are decoded by `read_image` alone.
"""

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyscale.data.files import exists, is_file, is_folder
from polyscale.data.image import image_endings
from polyscale.data.listing import (
    Catalogue,
    Content,
    Listing,
    assign_roles,
    of_roles,
    split_labels,
    to_targets,
)
from polyscale.data.pixels import to_classes, to_depth_coding
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
    pixels = (
        to_classes(options) if kind == "mask"
        else to_depth_coding(options) if kind == "depth"
        else None
    )  # fmt: skip
    splits = _load_splits(name, options.get("config"))
    where = f"data hf:{name}"
    features = next(iter(splits.values())).features
    image = _find("image", features, options.get("image"), where)
    column = _find(kind, features, options.get(kind), where, image)
    wanted = {role: options.get(role) for role in ("train", "test")}
    if pixels is not None:
        roles = assign_roles(splits, where=where, **wanted)
        listings = {key: _pairs(split, key, image, column) for key, split in splits.items()}
        return of_roles(roles, listings, pixels=pixels)
    remarks: list[str] = []
    values = _values_of_splits(splits, kind, column, options.get("separator", ";"), where, remarks)
    roles = assign_roles(values, where=where, **wanted)
    chosen = [key for key in (roles.train, roles.test) if key is not None]
    keys, names = _classes(features[column], kind, [values[key] for key in chosen])
    listings = {
        key: _listing(splits[key], key, image, kind, values[key], keys, remarks) for key in chosen
    }
    return of_roles(roles, listings, remarks=tuple(remarks), class_names=names)


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


def _values_of_splits(
    splits: Mapping[str, Any],
    kind: str,
    column: str,
    separator: str,
    where: str,
    remarks: list[str],
) -> dict[str, list[Any]]:
    """Values of the splits that have any: those of many test splits are hidden."""
    every = {key: _values(split, column, kind, separator) for key, split in splits.items()}
    hidden = (None, -1) if kind == "label" else (None,)
    known = {key: v for key, v in every.items() if any(value not in hidden for value in v)}
    what = "numbers" if kind == "number" else "labels"
    if not known:
        raise InputError(f"{where} must have {what}, but column {column!r} holds none.")
    remarks += [f"Split without {what}, left out: {key}." for key in every if key not in known]
    return known


def _pairs(split: Any, key: str, image: str, target: str) -> Listing:
    ids = tuple(f"{key}/{i}" for i in range(len(split)))
    return Listing(ids, _contents(split, image), Listing(ids, _contents(split, target)))


def _listing(
    split: Any,
    key: str,
    image: str,
    kind: str,
    values: Sequence[Any],
    classes: Sequence[Any],
    remarks: list[str],
) -> Listing:
    """The images of a split whose targets are known."""
    known = [i for i, value in enumerate(values) if value is not None]
    if len(known) < len(values):
        what = "number" if kind == "number" else "label"
        lost = len(values) - len(known)
        remarks.append(f"Images of split {key} without a {what}, left out: {lost}.")
    ids = tuple(f"{key}/{i}" for i in range(len(values)))
    images = Listing(ids, _contents(split, image)).take(known)
    return replace(images, targets=to_targets(kind, [values[i] for i in known], classes))


def _contents(split: Any, column: str) -> Callable[[int], Content]:
    """Index of a row → the file or the bytes of its picture; nothing is decoded."""
    from datasets import Image

    rows = split.select_columns([column]).cast_column(column, Image(decode=False))

    def content(index: int) -> Content:
        cell = rows[index][column] or {}
        if cell.get("bytes") is not None:
            return bytes(cell["bytes"])
        return Path(cell["path"]) if cell.get("path") else b""

    return content


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
        [name for name in names if name != image] for names in _candidates(kind, features)
    )
    if wanted in (*sure, *possible):
        return wanted
    sure_called, possible_called = (
        [name for name in names if name.lower() in COLUMN_NAMES[kind]] for names in (sure, possible)
    )
    for choice in (sure, sure_called, [] if sure else possible_called):
        if wanted is None and len(choice) == 1:
            return choice[0]
    columns = ", ".join(f"{name} ({_type_name(f)})" for name, f in features.items())
    problem = "none is sure to be it" if wanted is None else f"{wanted!r} is none"
    raise InputError(
        f"{where} must have a column with the {kind}, but of {columns} {problem}. "
        f"Name it with ?{kind}=COLUMN."
    )


def _candidates(kind: str, features: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Columns that are of a kind by their type, and those that may be if they are called so."""
    from datasets import ClassLabel

    def columns(fits: Callable[[Any], bool]) -> list[str]:
        return [name for name, feature in features.items() if fits(feature)]

    def is_text(feature: Any) -> bool:
        return getattr(feature, "dtype", None) in ("string", "large_string")

    def is_whole(feature: Any) -> bool:
        dtype = str(getattr(feature, "dtype", ""))
        return type(feature).__name__ == "Value" and (
            dtype == "bool" or dtype.startswith(("int", "uint"))
        )

    def is_labels(feature: Any) -> bool:
        inner = getattr(feature, "feature", None)
        return isinstance(inner, ClassLabel) or is_text(inner) or is_whole(inner)

    if kind == "label":
        classes = columns(lambda f: isinstance(f, ClassLabel))
        return classes, columns(lambda f: is_text(f) or is_whole(f))
    if kind == "labels":
        return columns(is_labels), columns(is_text)
    if kind == "number":
        floats = columns(lambda f: str(getattr(f, "dtype", "")).startswith("float"))
        return floats, columns(is_whole)
    images = columns(_is_image)
    if kind == "image":
        return images, []
    rival = COLUMN_NAMES["depth" if kind == "mask" else "mask"]
    return [name for name in images if name.lower() not in rival], images


def _is_image(feature: Any) -> bool:
    from datasets import Image

    if isinstance(feature, Image):
        return True
    if isinstance(feature, dict):
        return set(feature) == {"bytes", "path"}
    return getattr(feature, "dtype", None) in ("binary", "large_binary")


def _type_name(feature: Any) -> str:
    name = type(feature).__name__
    return str(feature.dtype) if name == "Value" else name
