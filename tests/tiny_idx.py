"""Small grey pictures in MNIST's format: a bright bar, whose place is the class."""

import gzip
import struct

import numpy as np


def make_pictures(num, num_classes=3, side=28, seed=0):
    """Pictures (num, side, side) and their classes, in turn 0, 1, 2, 0, …"""
    generator = np.random.default_rng(seed)
    labels = np.arange(num) % num_classes
    pixels = generator.integers(0, 120, (num, side, side), dtype=np.uint8)
    for picture, label in zip(pixels, labels, strict=True):
        picture[:, 2 + 8 * label : 8 + 8 * label] += 120
    return pixels, labels.astype(np.uint8)


def write_array(file, array):
    """An array of bytes as the format has it, compressed where the name says so."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = header + array.tobytes()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


def write_idx(folder, num_train=30, num_test=12, *, ending=".gz", **options):
    """The four files in a new folder."""
    folder.mkdir(parents=True)
    for seed, (start, num) in enumerate({"train": num_train, "t10k": num_test}.items()):
        pixels, labels = make_pictures(num, seed=seed, **options)
        write_array(folder / f"{start}-images-idx3-ubyte{ending}", pixels)
        write_array(folder / f"{start}-labels-idx1-ubyte{ending}", labels)
    return folder
