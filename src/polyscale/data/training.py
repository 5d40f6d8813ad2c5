"""What a backbone is pre-trained on: images with or without classes, and none to test on."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image

from polyscale.data.dataset import ClassificationData, LabelledImages, TrainingData
from polyscale.data.files import files_below, is_folder
from polyscale.data.image import image_endings
from polyscale.data.options import to_path
from polyscale.data.shards import load_shards
from polyscale.data.sources import load_classification
from polyscale.decode import read_image
from polyscale.errors import InputError
from polyscale.types import Progress, silent


def load_training(
    source: str,
    *,
    labels: bool = True,
    seed: int = 0,
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> ClassificationData | TrainingData:
    """Load images to pre-train on.

    Args:
        source: `wds:PATTERN`, shards of WebDataset; `images:PATH`, all images below a folder, which
            have no classes; or what `load_classification` takes, of which only the training split
            is trained on.
        labels: whether images must have classes.
        seed: as `load_classification` takes it.
        cache: likewise.
        progress: told what is being done.

    Raises:
        InputError: if there is no such data, or it can't be used.
        MissingExtraError: if a package is not installed.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "wds" and rest:
        return load_shards(source, rest, labels=labels)
    if scheme == "images" and rest:
        if labels:
            raise InputError(
                f"data must have classes, but {source} has none. Take folder:PATH with one folder "
                "a class, or method dino, which needs no classes."
            )
        return _unlabelled(source, to_path(rest))
    return load_classification(source, seed=seed, cache=cache, progress=progress)


def _unlabelled(source: str, folder: Path) -> TrainingData:
    files = files_below(folder, image_endings()) if is_folder(folder) else []
    if not files:
        raise InputError(f"data {source} must be a folder with images, but holds none.")
    names = tuple(file.relative_to(folder).as_posix() for file in files)

    def read(index: int, min_side: int | None = None) -> Image.Image:
        return read_image(files[index], name=names[index], min_side=min_side)

    states = [file.stat() for file in files]
    facts = repr([(n, s.st_size, s.st_mtime_ns) for n, s in zip(names, states, strict=True)])
    fingerprint = blake2b(facts.encode(), digest_size=16).hexdigest()
    targets = np.zeros(len(files), dtype=np.int64)
    return TrainingData(name=source, train=LabelledImages(names, targets, read, fingerprint))
