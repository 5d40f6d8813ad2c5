"""`hf:NAME` and `hf:PATH`: data sets through the Hugging Face library `datasets`.

Since its version 4 the library runs no code that comes with a data set. Images stay the bytes they
are until they are read, and are decoded by `read_image` alone.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyscale.data.files import exists, files_below, is_file, is_folder
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

DATA_ENDINGS = frozenset({".arrow", ".csv", ".json", ".jsonl", ".parquet", ".txt", ".zip"})

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

    Raises:
        InputError: if there is no such data, or its columns or splits leave a choice.
        MissingExtraError: if `datasets` is not installed.
        RunError: if the hub cannot be reached.
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
    others = features if kind == "label" else {n: f for n, f in features.items() if n != image}
    column = _find(kind, others, options.get(kind), where)
    remarks: list[str] = []
    if pixels is None:
        splits = _with_targets(splits, column, where, remarks)
    roles = assign_roles(splits, where=where, train=options.get("train"), test=options.get("test"))
    chosen = {key: splits[key] for key in (roles.train, roles.test) if key is not None}
    if pixels is not None:
        listings = {key: _pairs(split, key, image, column) for key, split in chosen.items()}
        return of_roles(roles, listings, pixels=pixels)
    values = {key: _values(split, column, kind, options.get("separator", ";"))
              for key, split in chosen.items()}  # fmt: skip
    keys, names = _classes(features[column], kind, values.values())
    listings = {
        key: _listing(split, key, image, kind, values[key], keys, remarks)
        for key, split in chosen.items()
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
    """Refuse a whole disk or home, which the library would walk through first."""
    parts = path.parts
    fixed = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    folder = Path(*parts[:fixed])
    if is_folder(folder) and (fixed == len(parts) or "**" in parts):
        files_below(folder, image_endings() | DATA_ENDINGS)


def _with_targets(
    splits: Mapping[str, Any], column: str, where: str, remarks: list[str]
) -> dict[str, Any]:
    """The splits with targets: those of many test splits are hidden."""
    kept = {
        key: split
        for key, split in splits.items()
        if any(value is not None and value != -1 for value in split[column])
    }
    if not kept:
        raise InputError(f"{where} must have labels, but column {column!r} holds none.")
    remarks += [f"Split without labels, left out: {key}." for key in splits if key not in kept]
    return kept


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


def _find(kind: str, features: Mapping[str, Any], wanted: str | None, where: str) -> str:
    """The column of a kind: the only one of its type, or the one that is called so.

    Args:
        kind: a key of `COLUMN_NAMES`.
        features: column → what it holds.
        wanted: the user's choice.
        where: the data, as errors call it.

    Raises:
        InputError: with the columns, if none or several could be meant.
    """
    sure, possible = _candidates(kind, features)
    names = COLUMN_NAMES[kind]
    called = [name for name in sure if name.lower() in names]
    if wanted is not None and wanted in (*sure, *possible):
        return wanted
    if wanted is None and (len(sure) == 1 or len(called) == 1):
        return (called or sure)[0]
    called = [name for name in possible if name.lower() in names]
    if wanted is None and not sure and len(called) == 1:
        return called[0]
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

    if kind == "label":
        named = columns(lambda f: isinstance(f, ClassLabel))
        return named, columns(lambda f: is_text(f) or is_whole(f))
    if kind == "labels":
        lists = columns(lambda f: hasattr(f, "feature") and not isinstance(f.feature, dict))
        return lists, columns(is_text)
    if kind == "number":
        return columns(lambda f: str(getattr(f, "dtype", "")).startswith("float")), columns(
            is_whole
        )
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
