"""`folder:PATH`: one folder a class."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscale.data.classification import ClassificationData, LabelledImages
from polyscale.data.image import check_image, image_endings, read_image
from polyscale.errors import InputError

TEST_SHARE = 1 / 3
"""Of each class's images, where the folder has no splits of its own."""


def load_folder(path: Path, *, seed: int = 0) -> ClassificationData:
    """Images in one folder a class, with or without `train/` and `val/` (or `test/`) above.

    Where there are no such folders, a third of each class is drawn for testing, by seed. Every
    file's header is checked and its bytes are hashed here, before any model runs.

    Args:
        path: the folder. Hidden files and files that are no images by their name are passed over.
        seed: of the split.

    Raises:
        InputError: if the folder, its images or its classes are not enough, or a file is broken.
    """
    if not is_folder(path):
        raise InputError(f"data folder {str(path)!r} does not exist. Check the path.")
    train_folder = path / "train"
    test_folder = next((path / n for n in ("test", "val") if (path / n).is_dir()), None)
    if train_folder.is_dir() and test_folder is not None:
        names, train_files = _find(train_folder)
        test_names, test_files = _find(test_folder)
        unknown = [n for n in test_names if n not in names]
        if unknown:
            raise InputError(
                f"class {unknown[0]!r} is in {test_folder.name}/ but not in train/ of {path}. "
                "Both need the same class folders."
            )
        train = [(f, names.index(c)) for f, c in train_files]
        test = [(f, names.index(c)) for f, c in test_files]
        about = f"the folders train and {test_folder.name}"
    else:
        names, files = _find(path)
        train, test = _split([(f, names.index(c)) for f, c in files], names, seed)
        about = f"a third of each class drawn for testing by seed {seed}"
    return ClassificationData(
        name=f"folder:{path}",
        class_names=tuple(names),
        train=_labelled(train, path),
        test=_labelled(test, path),
        about=about,
    )


def is_folder(path: Path) -> bool:
    """Whether it is one that can be seen."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _find(folder: Path) -> tuple[list[str], list[tuple[Path, str]]]:
    """Class names in order, and the image files with their class."""
    endings = image_endings()
    names, files = [], []
    for child in _children(folder):
        if child.name.startswith(".") or not child.is_dir():
            continue
        _children(child)  # a folder that cannot be read must not pass for an empty one
        images = [
            file
            for file in sorted(child.rglob("*"))
            if file.suffix.lower() in endings
            and not any(part.startswith(".") for part in file.relative_to(folder).parts)
            and file.is_file()
        ]
        for path in (child, *images):
            _check_name(path)
        if images:
            names.append(child.name)
            files += [(file, child.name) for file in images]
    if not files:
        raise InputError(
            f"data folder {str(folder)!r} has no images in class folders. "
            "It needs one folder a class, for example cats/1.jpg and dogs/1.jpg."
        )
    return names, files


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"data folder {str(folder)!r} cannot be read ({error.strerror}). Check its permissions."
        ) from error


def _check_name(path: Path) -> None:
    """Names go into files that are UTF-8."""
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        shown = path.name.encode(errors="backslashreplace").decode()
        raise InputError(f"file name {shown!r} must be UTF-8, but is not. Rename it.") from error


def _split(
    files: Sequence[tuple[Path, int]], names: Sequence[str], seed: int
) -> tuple[list[tuple[Path, int]], list[tuple[Path, int]]]:
    """Draw a share of each class for testing, at least one image."""
    generator = np.random.default_rng(seed)
    test: set[Path] = set()
    for label, name in enumerate(names):
        members = [file for file, of in files if of == label]
        if len(members) < 3:
            raise InputError(
                f"class {name!r} must have at least 3 images to be split into train and test, but "
                f"has {len(members)}. Add images, or take the class out."
            )
        num_test = max(1, round(len(members) * TEST_SHARE))
        test |= {members[i] for i in generator.permutation(len(members))[:num_test]}
    return [f for f in files if f[0] not in test], [f for f in files if f[0] in test]


def _labelled(files: Sequence[tuple[Path, int]], root: Path) -> LabelledImages:
    paths = [file for file, _ in files]
    names = tuple(file.relative_to(root).as_posix() for file in paths)
    labels: NDArray[np.int64] = np.array([label for _, label in files], dtype=np.int64)
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(_checked_digest, paths, names))
    digest = blake2b("".join(map(str, zip(names, digests, strict=True))).encode(), digest_size=16)
    return LabelledImages(
        ids=names,
        labels=labels,
        read=lambda index: read_image(paths[index], name=names[index]),
        fingerprint=digest.hexdigest(),
    )


def _checked_digest(file: Path, name: str) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"image {name} cannot be read ({error.strerror}). Check it.") from error
    check_image(content, name=name)
    return blake2b(content, digest_size=16).hexdigest()
