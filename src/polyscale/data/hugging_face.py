"""`hf:NAME` and `hf:PATH`: data sets through the Hugging Face library `datasets`.

Since its version 4 the library runs no code that comes with a data set. Images stay the bytes they
are until they are read, and are decoded by `read_image` alone.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.data.hf_columns import cast_images, find_image, find_label, label_names
from polyscale.data.listing import Catalogue, Content, Listing
from polyscale.data.splits import assign_roles
from polyscale.errors import InputError, RunError, first_line, require


def list_hugging_face(name: str, options: Mapping[str, str]) -> Catalogue:
    """The images of a data set.

    Args:
        name: of a data set on the hub; or a local Parquet or Arrow file, a pattern of such files,
            a folder of them or of images, or one that `save_to_disk` wrote.
        options: `image` and `label`, the columns; `train` and `test`, the splits; `config`.

    Raises:
        InputError: if there is no such data, or its columns or splits leave a choice.
        MissingExtraError: if `datasets` is not installed.
        RunError: if the hub cannot be reached.
    """
    require("datasets", extra="datasets", feature=f"hf:{name}")
    splits = load_splits(name, options.get("config"))
    where = f"data hf:{name}"
    features = next(iter(splits.values())).features
    image = find_image(features, options.get("image"), where)
    label = find_label(features, options.get("label"), where)
    labelled = {key: split for key, split in splits.items() if _has_labels(split, label)}
    if not labelled:
        raise InputError(f"{where} must have labels, but column {label!r} holds none.")
    remarks = [f"Split without labels, left out: {key}." for key in splits if key not in labelled]
    roles = assign_roles(
        labelled, where=where, train=options.get("train"), test=options.get("test")
    )
    chosen = {key: labelled[key] for key in (roles.train, roles.test) if key is not None}
    names = label_names(list(chosen.values()), label)
    listings = {
        key: _listing(split, key, image, label, names, remarks) for key, split in chosen.items()
    }
    return Catalogue(
        names,
        listings[roles.train],
        None if roles.test is None else listings[roles.test],
        roles.about,
        tuple(remarks),
    )


def load_splits(name: str, config: str | None) -> dict[str, Any]:
    """The library's splits of a data set; see `list_hugging_face`."""
    import datasets

    try:
        path = Path(name).expanduser()
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            loaded = datasets.load_from_disk(str(path))
        elif path.is_file() or any(c in name for c in "*?["):
            kind = "arrow" if path.suffix.lower() == ".arrow" else "parquet"
            loaded = datasets.load_dataset(kind, config, data_files=str(path))
        else:
            is_local = name.startswith((".", "/", "~")) or path.exists()
            if is_local and not path.exists():
                raise InputError(f"data hf:{name} does not exist. Check the path.")
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
    return dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "all"): loaded}


def contents(split: Any, column: str) -> Callable[[int], Content]:
    """Index of a row → the file or the bytes of its picture; nothing is decoded."""
    rows = cast_images(split, column)

    def content(index: int) -> Content:
        cell = rows[index][column] or {}
        if cell.get("bytes") is not None:
            return bytes(cell["bytes"])
        return Path(cell["path"]) if cell.get("path") else b""

    return content


def _has_labels(split: Any, label: str) -> bool:
    return any(value is not None and value != -1 for value in split[label])


def _listing(
    split: Any, key: str, image: str, label: str, names: tuple[str, ...], remarks: list[str]
) -> Listing:
    from datasets import ClassLabel

    if isinstance(split.features[label], ClassLabel):
        labels = [-1 if value is None else value for value in split[label]]
    else:
        numbers = {name: i for i, name in enumerate(names)}
        labels = [numbers.get(str(value), -1) for value in split[label]]
    everything = Listing(
        tuple(f"{key}/{i}" for i in range(len(labels))),
        np.array(labels, dtype=np.int64),
        contents(split, image),
    )
    known = np.flatnonzero(everything.labels >= 0)
    if len(known) < len(everything):
        lost = len(everything) - len(known)
        remarks.append(f"Images of split {key} without a label, left out: {lost}.")
    return everything.take(known)
