"""A name such as `folder:PATH?per_class=50` → a data set: one table of sources for all targets."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, TypeVar

from polyscale.data.assemble import assemble
from polyscale.data.dataset import (
    MIN_DRAWN,
    MIN_TRAIN,
    ClassificationData,
    DataSet,
    DepthData,
    MultiLabelData,
    NumberData,
    SegmentationData,
)
from polyscale.data.embedded import load_rooms, rooms_depth, rooms_segmentation
from polyscale.data.files import check_names, is_folder
from polyscale.data.folder import has_classes, list_folder, list_plain_folder
from polyscale.data.hugging_face import list_hugging_face
from polyscale.data.idx import FASHION_FOLDER, FASHION_MNIST, list_fashion_mnist, list_idx
from polyscale.data.imagenet import list_imagenet
from polyscale.data.limit import LIMIT, limit_catalogue, limit_data, read_limit
from polyscale.data.listing import Catalogue, Listing, sample_splits
from polyscale.data.needles import load_needles
from polyscale.data.nyu import list_nyu_depth, list_nyu_labels
from polyscale.data.options import split_options, to_count, to_path
from polyscale.data.pairs import list_ade20k, list_pairs
from polyscale.data.pixels import (
    DEPTH_OPTIONS,
    MASK_OPTIONS,
    DepthCoding,
    to_classes,
    to_depth_coding,
)
from polyscale.data.questions import QuestionData
from polyscale.data.table import list_table
from polyscale.data.vstar import load_vstar
from polyscale.errors import InputError, near_matches
from polyscale.types import Progress, silent

Options = Mapping[str, str]

Rooms = TypeVar("Rooms", bound=DataSet)

TASKS = {
    "label": "classification",
    "labels": "multilabel",
    "number": "regression",
    "mask": "segmentation",
    "depth": "depth",
}
"""Kind of target → the task that needs it, as hints call it."""

NEEDLES = "needles"

ROOMS = ("label", "mask", "depth")
"""Kinds of target that `rooms` offers."""


class Source(NamedTuple):
    """How to list what a scheme names, and kind of target → options that the scheme knows.

    All know `limit`, and `per_class` for classes.
    """

    list: Callable[[str, str, Options], Catalogue]
    options: Mapping[str, tuple[str, ...]]


def _list_pairs(rest: str, kind: str, options: Options) -> Catalogue:
    path = to_path(rest)
    if kind == "mask":
        return list_pairs(path, "masks", to_classes(options, path / "classes.txt"))
    return list_pairs(path, "depth", to_depth_coding(options))


def _list_nyu(rest: str, kind: str, options: Options) -> Catalogue:
    path = to_path(rest)
    return list_nyu_labels(path) if kind == "mask" else list_nyu_depth(path, options)


HF_OPTIONS = ("image", "train", "test", "config")

SOURCES = {
    "folder": Source(lambda rest, kind, options: list_folder(to_path(rest)), {"label": ()}),
    "csv": Source(
        lambda rest, kind, options: list_table(to_path(rest), kind, options),
        {
            "label": ("image", "label", "split"),
            "labels": ("image", "labels", "separator", "split"),
            "number": ("image", "number", "split"),
        },
    ),
    "imagenet": Source(lambda rest, kind, options: list_imagenet(to_path(rest)), {"label": ()}),
    "idx": Source(lambda rest, kind, options: list_idx(to_path(rest)), {"label": ()}),
    "ade20k": Source(lambda rest, kind, options: list_ade20k(to_path(rest)), {"mask": ()}),
    "pairs": Source(_list_pairs, {"mask": MASK_OPTIONS, "depth": DEPTH_OPTIONS}),
    "nyu": Source(_list_nyu, {"mask": (), "depth": ("filled", "crop", *DEPTH_OPTIONS)}),
    "hf": Source(
        list_hugging_face,
        {
            "label": ("label", *HF_OPTIONS),
            "labels": ("labels", "separator", *HF_OPTIONS),
            "number": ("number", *HF_OPTIONS),
            "mask": ("mask", *HF_OPTIONS, *MASK_OPTIONS),
            "depth": ("depth", *HF_OPTIONS, *DEPTH_OPTIONS),
        },
    ),
}

INSTALLED = Source(lambda place, kind, options: list_fashion_mnist(), {"label": ()})
"""Data whose place is known, so that their name says all."""


def load_classification(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> ClassificationData:
    """Load a data set with one class for each image.

    Args:
        source: `rooms`, `fashion-mnist`, `folder:PATH`, `csv:PATH`, `hf:NAME`, `hf:PATH`,
            `imagenet:PATH` or `idx:PATH`, with options behind a question mark:
            `?per_class=50&label=breed`.
        seed: of the split, where the data has none, and of a sample (`per_class` or `limit`).
        cache: folder for what is found in files, so that they are read once; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if there is no such data, or it can't be used.
        MissingExtraError: if a package is not installed.
        RunError: if data cannot be fetched.
    """
    if _is_rooms(source):
        return _sample_rooms(load_rooms(), source, seed)
    fields, class_names = assemble(source, _list(source, "label", seed), seed, cache, progress)
    return ClassificationData(class_names=class_names, **fields)


def load_multilabel(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> MultiLabelData:
    """Load a data set with any number of labels for each image; see `load_classification`.

    The source is `csv:PATH`, `hf:NAME` or `hf:PATH`, with options behind a question mark:
    `?labels=COLUMN&separator=;`, and `?limit=N`, images of each split.
    """
    fields, class_names = assemble(source, _list(source, "labels", seed), seed, cache, progress)
    return MultiLabelData(class_names=class_names, **fields)


def load_numbers(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> NumberData:
    """Load a data set with a number for each image; see `load_classification`.

    The source is `csv:PATH`, `hf:NAME` or `hf:PATH`, with options behind a question mark:
    `?number=COLUMN`, and `?limit=N`, images of each split.
    """
    fields, _ = assemble(source, _list(source, "number", seed), seed, cache, progress)
    return NumberData(**fields)


def load_segmentation(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> SegmentationData:
    """Load a data set with a class for every pixel; see `load_classification`.

    The source is `rooms`, `ade20k:PATH`, `pairs:PATH`, `nyu:PATH`, `hf:NAME` or `hf:PATH`, some
    with options behind a question mark: `?ignore=255&reduce_zero=1`. All of them
    know `?limit=N`, images of each split.
    """
    if _is_rooms(source):
        data = rooms_segmentation(cache=cache, progress=progress)
        return _sample_rooms(data, source, seed)
    fields, class_names = assemble(source, _list(source, "mask", seed), seed, cache, progress)
    return SegmentationData(class_names=class_names, **fields)


def load_depth(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> DepthData:
    """Load a data set with a depth for every pixel; see `load_classification`.

    The source is `rooms`, `nyu:PATH`, `pairs:PATH`, `hf:NAME` or `hf:PATH`, with
    options behind a question mark: `?per_metre=1000&min=0.001&max=10&limit=N`.
    """
    if _is_rooms(source):
        return _sample_rooms(rooms_depth(), source, seed)
    catalogue = _list(source, "depth", seed)
    coding = catalogue.pixels
    assert isinstance(coding, DepthCoding)
    fields, _ = assemble(source, catalogue, seed, cache, progress)
    return DepthData(
        min_depth_m=coding.min_m, max_depth_m=coding.max_m, crop_yxyx=coding.crop_yxyx, **fields
    )


def load_questions(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> QuestionData:
    """Load multiple-choice questions about pictures; see `load_classification`.

    The source is `needles`, which comes with the package, or a folder in the layout of V* bench, as
    `folder:PATH` or PATH alone. All know `?limit=N`, questions of each split. V* bench has only
    test questions; a folder with `train/` and `test/` has both. Unlike images of other data,
    questions are never left out: a file that cannot be used is an error that names it.
    """
    scheme, colon, rest = source.partition(":")
    place, options = split_options(rest if scheme == "folder" and colon else source, (LIMIT,))
    check_names([source], "data")
    if place == NEEDLES and not colon:
        data = replace(load_needles(), name=source)
    else:
        if not is_folder(to_path(place)):
            raise InputError(
                f"data must be {NEEDLES} or a folder in the layout of V* bench, but got "
                f"{source!r}.{near_matches(place, [NEEDLES]) or ' Check the path.'}"
            )
        data = load_vstar(source, to_path(place), cache=cache, progress=progress)
    if LIMIT not in options:
        return data
    num = to_count(LIMIT, options[LIMIT], MIN_TRAIN)
    return limit_data(data, num, seed=seed, what="questions")


def load_images(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> DataSet:
    """Load a data set for its images alone; see `load_classification`.

    Any source of the other loaders will do, with the same split; and `folder:PATH` may also hold
    images without folders of classes, in `train/` and `test/` or a third of them drawn for testing.
    """
    if _is_rooms(source):
        return load_classification(source, seed=seed)
    scheme, _, rest = source.partition(":")
    known = SOURCES.get(scheme)
    if scheme == "folder" and rest:
        place, options = split_options(rest, ("per_class", LIMIT))
        if is_folder(to_path(place)) and not has_classes(to_path(place)):
            catalogue = _sampler(options, seed)(list_plain_folder(to_path(place)))
            return DataSet(**assemble(source, catalogue, seed, cache, progress)[0])
    # targets are read along where there is no way around them
    kind = next(iter(known.options)) if known else "label"
    load = {"mask": load_segmentation, "depth": load_depth}.get(kind, load_classification)
    return load(source, seed=seed, cache=cache, progress=progress)


def list_source(source: str, task: str, *, seed: int = 0) -> Catalogue:
    """What a data set holds, before any image is opened.

    The source is not `rooms`; the task is one of `TASKS`.
    """
    (kind,) = (kind for kind, name in TASKS.items() if name == task)
    return _list(source, kind, seed)


def place_of_data(source: str) -> Path | None:
    """The file or folder that holds all that a source reads; None where that is not known.

    Tables may name images anywhere, and data sets of Hugging Face may have files on its hub.
    """
    embedded = {"rooms": "rooms", NEEDLES: "."}  # needles are about the pictures of rooms
    if (folder := embedded.get(source.partition("?")[0])) is not None:
        return Path(str(files("polyscale.data") / folder))
    if source.partition("?")[0] == FASHION_MNIST:
        return FASHION_FOLDER if FASHION_FOLDER.exists() else None
    scheme, _, rest = source.partition(":")
    place = to_path(rest if Path(rest).exists() else rest.rpartition("?")[0])
    complete = scheme in SOURCES and scheme not in ("csv", "hf") and place.exists()
    return place.resolve() if complete else None


def _list(source: str, kind: str, seed: int) -> Catalogue:
    """What a source holds, sampled, before any file is opened."""
    known = {scheme: entry for scheme, entry in SOURCES.items() if kind in entry.options}
    scheme, _, rest = source.partition(":")
    own = known.get(scheme) if rest else None
    if kind == "label" and source.partition("?")[0] == FASHION_MNIST:
        own, rest = INSTALLED, source
    if own is None:
        raise InputError(_no_such_data(source, kind, known))
    sampling = ("per_class", LIMIT) if kind == "label" else (LIMIT,)
    place, options = split_options(rest, (*own.options[kind], *sampling))
    sample = _sampler(options, seed)
    catalogue = own.list(place, kind, options)
    # all names must fit into reports
    check_names([source], "data")
    check_names(catalogue.class_names, "class name")
    for split in catalogue.splits:
        check_names(split.ids, "file name")
        if isinstance(split.targets, Listing):
            check_names(split.targets.ids, "file name")
    return sample(catalogue)


def _sampler(options: Options, seed: int) -> Callable[[Catalogue], Catalogue]:
    """Takes as many images as the options say."""
    if "per_class" in options and LIMIT in options:
        raise InputError("options of data must be per_class or limit, but both are given.")
    if "per_class" in options:
        per_class = to_count("per_class", options["per_class"], MIN_DRAWN)
        return lambda catalogue: sample_splits(catalogue, per_class, seed=seed)
    if LIMIT in options:
        num = to_count(LIMIT, options[LIMIT], MIN_TRAIN)
        return lambda catalogue: limit_catalogue(catalogue, num, seed=seed)
    return lambda catalogue: catalogue


def _is_rooms(source: str) -> bool:
    return source.partition("?")[0] == "rooms"


def _sample_rooms(data: Rooms, source: str, seed: int) -> Rooms:
    """All of `rooms`, or so many images as `rooms?limit=N` says."""
    num = read_limit(source)
    return data if num is None else replace(limit_data(data, num, seed=seed), name=source)


def _no_such_data(source: str, kind: str, known: Mapping[str, Source]) -> str:
    scheme, colon, _ = source.partition(":")
    embedded = ["rooms"] if kind in ROOMS else []
    embedded += [FASHION_MNIST] if kind == "label" else []
    guess = near_matches(source, embedded) or near_matches(scheme, known)
    if scheme in SOURCES and scheme not in known:
        tasks = " or ".join(TASKS[offered] for offered in SOURCES[scheme].options)
        guess = f" {scheme}: is for --task {tasks}."
    elif not colon and is_folder(to_path(source)):
        for likely in ("folder", "pairs"):
            if likely in known:
                guess = f" Did you mean '{likely}:{source}'?"
    *names, last = [*embedded, *(f"{name}:PATH" for name in known), "hf:NAME"]
    return f"data must be {', '.join(names)} or {last}, but got {source!r}.{guess}"
