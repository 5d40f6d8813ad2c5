"""What is predicted of an image, as files that other programs read."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.colours import colour_depth, colour_labels
from polyscale.studies.dense.predict import LoadedPredictor


def write_prediction(
    predicted: NDArray, loaded: LoadedPredictor, folder: Path, stem: str, *, arrays: bool = False
) -> list[Path]:
    """Write labels or depth of an image, at its size.

    - `STEM.png`: labels, 8 bits (16 with more than 256 classes); or millimetres, 16 bits.
    - `STEM_colour.png`: the same to look at.
    - `STEM.npy`, with `arrays`: labels as int16, or metres as float32.

    Args:
        predicted: labels or metres (h, w).
        loaded: what predicted them.
        folder: that exists.
        stem: of the names.
        arrays: whether to write the array too.

    Returns:
        The files.
    """
    if loaded.task == "segmentation":
        num_classes = len(loaded.class_names)
        plain = predicted.astype(np.uint8 if num_classes <= 2**8 else np.uint16)
        coloured = colour_labels(predicted, num_classes)
    else:
        assert loaded.range_m is not None
        plain = (predicted * 1000).round().clip(0, 2**16 - 1).astype(np.uint16)
        low, high = np.percentile(predicted, (2, 98)).tolist()
        coloured = colour_depth(predicted, low, max(high, low + 1e-3))
    files = [folder / f"{stem}.png", folder / f"{stem}_colour.png"]
    Image.fromarray(plain).save(files[0])
    Image.fromarray(coloured).save(files[1])
    if arrays:
        files.append(folder / f"{stem}.npy")
        np.save(files[-1], predicted, allow_pickle=False)
    return files
