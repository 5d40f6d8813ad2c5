"""What is wrong with data is told: left out and counted, or refused."""

import json
import shutil

import pytest
from PIL import Image

from polyscale.data import DataReport, load_classification
from polyscale.errors import InputError
from polyscale.records import ImageSizes


def load(folder, **options):
    return load_classification(f"folder:{folder}", **options)


def test_clean_data_has_nothing_to_say(image_folder):
    data = load(image_folder)
    assert data.notes == ()
    assert data.report == DataReport(sizes=ImageSizes.of([(64, 80)]))


def test_unreadable_images_are_left_out_and_listed(image_folder):
    before = load(image_folder)
    (image_folder / "fine" / "0.png").write_bytes(b"")
    (image_folder / "coarse" / "3.png").write_bytes(b"no image")
    data = load(image_folder)
    assert len(data.train) + len(data.test) == 34
    assert {(u.id, u.class_name) for u in data.report.unreadable} == {
        ("fine/0.png", "fine"),
        ("coarse/3.png", "coarse"),
    }
    assert data.notes[0].startswith("Images that cannot be read, left out: 2, for example")
    assert data.train.fingerprint != before.train.fingerprint


def test_a_class_that_loses_too_many_is_refused(image_folder):
    for i in range(10):
        (image_folder / "fine" / f"{i}.png").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"class 'fine' must have at least 3 images.*has 2; 10 can"
    ):
        load(image_folder)


def test_no_test_image_can_be_read(image_folder, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(image_folder, root / "train")
    for name in ("fine", "coarse"):
        (root / "test" / name).mkdir(parents=True)
        (root / "test" / name / "1.png").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"at least 1 test images that can be used, but has 0 \(.*an empty file"
    ):
        load(root)


def test_copies_across_splits_are_told(image_folder, photograph, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(image_folder, root / "train")
    shutil.copytree(image_folder, root / "test")
    for i, file in enumerate(sorted((root / "test").rglob("*.png"))):
        Image.open(file).rotate(90).resize((60 + i, 50)).save(file)
    photograph.save(root / "train" / "fine" / "a.png")
    photograph.resize((320, 213)).save(root / "test" / "fine" / "b.jpg", quality=60)
    shutil.copy(root / "train" / "coarse" / "0.png", root / "test" / "coarse" / "c.png")
    data = load(root)
    pairs = {(d.train_id, d.test_id, d.same_bytes) for d in data.report.near_duplicates}
    assert ("train/fine/a.png", "test/fine/b.jpg", False) in pairs
    assert ("train/coarse/0.png", "test/coarse/c.png", True) in pairs
    assert any("(1 of them is the same file)" in note for note in data.notes)
    restored = DataReport.from_dict(json.loads(json.dumps(data.report.to_dict())))
    assert restored == data.report


def test_few_test_images(image_folder, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(image_folder, root / "train")
    (root / "val" / "fine").mkdir(parents=True)
    shutil.copy(image_folder / "fine" / "0.png", root / "val" / "fine")
    notes = " ".join(load(root).notes)
    assert "Classes without test images: 2 ('coarse', 'medium')." in notes
    assert "fewer test images (1) than classes (3)" in notes


def test_per_class(image_folder):
    data = load_classification(f"folder:{image_folder}?per_class=6")
    assert (len(data.train), len(data.test)) == (12, 6)
    assert data.about.endswith("at most 6 images of a class in each split drawn by seed 0")


def test_cache_changes_nothing(image_folder, tmp_path):
    first = load(image_folder, cache=tmp_path / "cache")
    second = load(image_folder, cache=tmp_path / "cache")
    plain = load(image_folder)
    assert first.train.fingerprint == second.train.fingerprint == plain.train.fingerprint
