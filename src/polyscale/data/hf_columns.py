"""Which columns of a Hugging Face data set are the image and its class."""

from collections.abc import Mapping, Sequence
from typing import Any

from polyscale.errors import InputError

IMAGE_NAMES = ("image", "img")
LABEL_NAMES = ("label", "labels", "class", "target", "category")
"""What decides among several columns, and what a column without names for its classes is called."""

TARGET_NAMES = {
    "mask": (
        "mask", "annotation", "segmentation", "semantic", "semantic_segmentation", "label",
        "labels", "seg", "segmentation_mask", "semantic_mask", "label_map",
    ),
    "depth": ("depth", "depth_map", "depths", "depth_image"),
}  # fmt: skip
"""Role of a column with a picture of targets → what it is called."""


def find_image(features: Mapping[str, Any], wanted: str | None, where: str) -> str:
    """The column with images: the only one, or the one that is called so.

    Args:
        features: column → what it holds.
        wanted: the user's choice.
        where: the data, as errors call it.

    Raises:
        InputError: with the columns, if none or several could be meant.
    """
    return _choose(
        "image", wanted, [name for name, f in features.items() if _is_image(f)], IMAGE_NAMES,
        features, where,
    )  # fmt: skip


def find_target(
    features: Mapping[str, Any], role: str, wanted: str | None, image: str, where: str
) -> str:
    """The column with masks or depth maps: a picture beside the image.

    Args:
        features: column → what it holds.
        role: a key of `TARGET_NAMES`.
        wanted: the user's choice.
        image: the column with images.
        where: the data, as errors call it.

    Raises:
        InputError: with the columns, if none or several could be meant.
    """
    of_others = {n for r, names in TARGET_NAMES.items() if r != role for n in names}
    found = [
        name
        for name, f in features.items()
        if _is_image(f) and name != image and (name == wanted or name.lower() not in of_others)
    ]
    return _choose(role, wanted, found, TARGET_NAMES[role], features, where)


def find_label(features: Mapping[str, Any], wanted: str | None, where: str) -> str:
    """The column with classes: the only one with names for them, or the one that is called so.

    Raises:
        InputError: with the columns, if none or several could be meant.
    """
    from datasets import ClassLabel

    found = [name for name, f in features.items() if isinstance(f, ClassLabel)]
    plain = [name for name, f in features.items() if _is_plain(f)]
    if wanted is not None:
        found += plain
    elif not found:
        found = [name for name in plain if name.lower() in LABEL_NAMES]
    return _choose("label", wanted, found, LABEL_NAMES, features, where)


def label_names(splits: Sequence[Any], label: str) -> tuple[str, ...]:
    """Class names: the data's own, or the sorted values of all splits."""
    from datasets import ClassLabel

    feature = splits[0].features[label]
    if isinstance(feature, ClassLabel):
        return tuple(feature.names)
    values = {value for split in splits for value in split.unique(label) if value is not None}
    return tuple(map(str, sorted(values)))


def cast_images(split: Any, image: str) -> Any:
    """The split with that column alone, as bytes and path, nothing decoded."""
    from datasets import Image

    return split.select_columns([image]).cast_column(image, Image(decode=False)).with_format(None)


def _choose(
    role: str,
    wanted: str | None,
    found: Sequence[str],
    names: Sequence[str],
    features: Mapping[str, Any],
    where: str,
) -> str:
    if wanted is None:
        called = [name for name in found if name.lower() in names]
        if len(found) == 1 or len(called) == 1:
            return (called or list(found))[0]
    elif wanted in found:
        return wanted
    columns = ", ".join(f"{name} ({_kind(f)})" for name, f in features.items())
    asked = "none is sure to be it" if wanted is None else f"{wanted!r} is none"
    raise InputError(
        f"{where} must have a column with the {role}, but of {columns} {asked}. "
        f"Name it with ?{role}=COLUMN."
    )


def _is_image(feature: Any) -> bool:
    from datasets import Image

    if isinstance(feature, Image):
        return True
    if isinstance(feature, dict):
        return set(feature) == {"bytes", "path"}
    return getattr(feature, "dtype", None) in ("binary", "large_binary")


def _is_plain(feature: Any) -> bool:
    kind = str(getattr(feature, "dtype", ""))
    return kind in ("string", "large_string", "bool") or kind.startswith(("int", "uint"))


def _kind(feature: Any) -> str:
    name = type(feature).__name__
    return str(feature.dtype) if name == "Value" else name
