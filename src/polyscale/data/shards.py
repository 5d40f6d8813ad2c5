"""`wds:PATTERN`: images in shards of WebDataset, which are tar files, for training alone.

Shards are not unpacked: their headers are read once, and then each image at its place.
"""

import tarfile
from array import array
from collections.abc import Iterator
from glob import glob
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from polyscale.data.dataset import LabelledImages, TrainingData
from polyscale.data.image import image_endings
from polyscale.data.options import to_path
from polyscale.decode import UnreadableImageError, read_image
from polyscale.errors import InputError, first_line, require

MAX_LABEL_BYTES = 20
"""A whole number is shorter."""


class Member(NamedTuple):
    """A file in a shard: where its bytes are, and when it was changed."""

    offset: int
    size: int
    changed: float


class Sample(NamedTuple):
    """An image, and the file with its class if there is one."""

    name: str
    image: Member
    label: Member | None


def load_shards(source: str, pattern: str, *, labels: bool) -> TrainingData:
    """All images in the shards.

    Args:
        source: what the user called them.
        pattern: of local files, with braces or wildcards: `photos-{0000..0146}.tar`, `*.tar`.
        labels: whether every image must have a class: a whole number in its `.cls` file.

    Raises:
        InputError: if there are no such shards, or one is truncated, which is named.
        MissingExtraError: if webdataset is not installed.
    """
    require("webdataset", extra="pretrain", feature=source)
    shards, names, group_sizes = _find(source, pattern), list[str](), list[int]()
    # numbers alone, as there may be millions of images
    classes, offsets, sizes = array("q"), array("q"), array("q")
    fingerprint = blake2b(digest_size=16)
    for shard in shards:
        samples = _samples(shard, labels)
        for name, image, label in samples:
            names.append(name)
            classes.append(_read_class(shard, name, label) if labels and label else 0)
            offsets.append(image.offset)
            sizes.append(image.size)
            fingerprint.update(f"{name}\0{image.size} {image.changed}\n".encode())
        group_sizes.append(len(samples))
    numbers, targets = np.unique(np.array(classes, dtype=np.int64), return_inverse=True)
    ends = np.cumsum(group_sizes)

    def read(index: int, min_side: int | None = None) -> Image.Image:
        shard = shards[int(np.searchsorted(ends, index, side="right"))]
        data = _read_bytes(shard, offsets[index], sizes[index])
        if len(data) < sizes[index]:
            raise UnreadableImageError(names[index], "its shard has become shorter")
        return read_image(data, name=names[index], min_side=min_side)

    images = LabelledImages(tuple(names), targets.astype(np.int64), read, fingerprint.hexdigest())
    class_names = tuple(map(str, numbers)) if labels else ()
    return TrainingData(
        name=source, train=images, class_names=class_names, group_sizes=tuple(group_sizes)
    )


def _find(source: str, pattern: str) -> list[Path]:
    """The shards in order, each of which exists."""
    from webdataset.shardlists import expand_urls

    try:
        patterns = [str(to_path(text)) for text in expand_urls(pattern)]
    except ValueError as error:  # of braces
        raise InputError(
            f"data {source} must have braces in pairs, but has not ({first_line(error)}). "
            "Example: wds:photos/train-{0000..0146}.tar"
        ) from error
    matches = [sorted(glob(p)) if any(c in p for c in "*?[") else [p] for p in patterns]  # noqa: PTH207
    shards = [Path(match) for found in matches for match in found]
    missing = next((shard for shard in shards if not shard.is_file()), None)
    if missing is not None or not shards:
        raise InputError(
            f"data {source} must name tar files on this machine, but "
            f"{'none matches' if missing is None else f'{str(missing)!r} is none'}. "
            "Example: wds:photos/train-{0000..0146}.tar"
        )
    return shards


def _samples(shard: Path, labels: bool) -> list[Sample]:
    """The images of a shard: files of one name but for the ending belong together."""
    from webdataset.tariterators import group_by_keys

    try:
        files = [{"fname": name, "data": m, "__url__": ""} for name, m in _members(shard)]
        groups = list(group_by_keys(files))
    except (tarfile.TarError, OSError, ValueError) as error:
        raise InputError(
            f"shard {str(shard)!r} must be a whole tar file that is not compressed, but is none "
            f"({first_line(error)}). Copy it again, or take it out."
        ) from error
    return [_sample(shard, group, labels) for group in groups]


def _members(shard: Path) -> Iterator[tuple[str, Member]]:
    """The files of a shard with their names.

    Raises:
        tarfile.TarError: if it is truncated, also between two files.
    """
    with tarfile.open(shard, "r:") as opened:
        for info in opened:
            if info.isfile():
                yield info.name, Member(info.offset_data, info.size, info.mtime)
        end = opened.offset  # where a block of zeros ends an archive
    with shard.open("rb") as content:
        content.seek(end)
        if content.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("unexpected end of data")


def _sample(shard: Path, group: dict[str, Any], labels: bool) -> Sample:
    key = f"{shard.name}/{group['__key__']}"
    endings = [e for e in group if f".{e.rpartition('.')[2]}" in image_endings()]
    if not endings or (labels and "cls" not in group):
        lacking = "a .cls file with its class" if endings else "an image"
        advice = " Method dino needs no classes." if endings else ""
        raise InputError(
            f"samples of shard {str(shard)!r} must have {lacking}, but {group['__key__']!r} has "
            f"none. Add it, or take the sample out.{advice}"
        )
    return Sample(f"{key}.{endings[0]}", group[endings[0]], group.get("cls"))


def _read_class(shard: Path, name: str, label: Member) -> int:
    data = _read_bytes(shard, label.offset, min(label.size, MAX_LABEL_BYTES))
    text = data.decode(errors="replace").strip()
    if not (text.isascii() and text.isdigit() and len(text) < MAX_LABEL_BYTES - 1):
        raise InputError(
            f"the .cls file of {name} must hold the number of a class, but holds {text!r}. "
            "Correct it."
        )
    return int(text)


def _read_bytes(shard: Path, offset: int, size: int) -> bytes:
    with shard.open("rb") as opened:
        opened.seek(offset)
        return opened.read(size)
