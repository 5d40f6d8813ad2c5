"""The embedded scenes are what their README says."""

import hashlib
import io
from importlib.resources import files

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from polyscale.data import load_rooms

FOLDER = files("polyscale.data") / "rooms"


@pytest.fixture(scope="module")
def tables():
    return {split: pq.read_table(FOLDER / f"{split}.parquet") for split in ("train", "test")}


@pytest.fixture(scope="module")
def rooms():
    return load_rooms()


def test_size_and_counts(tables):
    assert tables["train"].num_rows >= 360
    assert tables["test"].num_rows >= 180
    assert sum((FOLDER / f"{s}.parquet").stat().st_size for s in tables) <= 25e6


def test_files_are_the_ones_that_were_generated():
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_classes_are_balanced(rooms):
    assert len(rooms.class_names) == 8
    for split in (rooms.train, rooms.test):
        counts = np.bincount(split.labels, minlength=8)
        assert counts.max() - counts.min() <= 1


def test_no_scene_is_in_both_splits(tables):
    ids = [set(table["id"].to_pylist()) for table in tables.values()]
    assert not ids[0] & ids[1]
    digests = [
        hashlib.sha256(image["bytes"]).digest()
        for table in tables.values()
        for image in table["image"].to_pylist()
    ]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("split", ["train", "test"])
def test_colour_depth_and_labels_agree(tables, split):
    table = tables[split].slice(0, 12)
    for row in table.to_pylist():
        colour, depth, semantic = (
            Image.open(io.BytesIO(row[name]["bytes"])) for name in ("image", "depth", "semantic")
        )
        assert colour.size == depth.size == semantic.size == (448, 448)
        assert (colour.mode, semantic.mode) == ("RGB", "L")
        metres = np.asarray(depth) / 1000
        assert 0.1 < metres[metres > 0].min() < metres.max() < 30
        assert np.asarray(colour).std() > 10
        top, left, bottom, right = row["target_box_yxyx_px"]
        inside = np.asarray(semantic)[top:bottom, left:right]
        assert 0 <= top < bottom <= 448
        assert 0 <= left < right <= 448
        values, counts = np.unique(inside, return_counts=True)
        assert row["target_area_px"] in counts[values > 0]
        assert row["target_visible_fraction"] >= 0.7


def test_hugging_face_datasets_reads_images(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.disable_progress_bars()
    data = datasets.load_dataset(
        "parquet",
        data_files={s: str(FOLDER / f"{s}.parquet") for s in ("train", "test")},
        cache_dir=str(tmp_path),
    )
    row = data["test"][0]
    assert row["image"].size == row["depth"].size == row["semantic"].size == (448, 448)
    assert data["test"].features["label"].names == list(load_rooms().class_names)


def test_images_are_read_by_index(rooms):
    image = rooms.test.read(3)
    assert (image.mode, image.size) == ("RGB", (448, 448))
