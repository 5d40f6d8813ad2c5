import shutil

import numpy as np
import pytest
from PIL import Image

from polyscale.data import load_classification
from polyscale.errors import InputError
from polyscale.records import RUN_MARKS


def load_folder(path, **options):
    return load_classification(f"folder:{path}", **options)


def test_split_is_stratified_and_seeded(image_folder):
    data = load_folder(image_folder)
    assert data.class_names == ("coarse", "fine", "medium")
    assert np.bincount(data.train.labels).tolist() == [8, 8, 8]
    assert np.bincount(data.test.labels).tolist() == [4, 4, 4]
    assert not set(data.train.ids) & set(data.test.ids)
    assert load_folder(image_folder).test.ids == data.test.ids
    assert load_folder(image_folder, seed=1).test.ids != data.test.ids


def test_labels_name_the_folder_of_each_image(image_folder):
    data = load_folder(image_folder)
    for split in (data.train, data.test):
        for i in range(len(split)):
            assert split.ids[i].split("/")[0] == data.class_names[split.labels[i]]
            assert split.read(i).size == (80, 64)


@pytest.mark.parametrize("name", ["val", "test"])
def test_own_splits(image_folder, tmp_path, name):
    root = tmp_path / "split"
    shutil.copytree(image_folder, root / "train")
    shutil.copytree(image_folder, root / name)
    data = load_folder(root)
    assert (len(data.train), len(data.test)) == (36, 36)
    assert data.train.ids[0] == "train/coarse/0.png"
    assert data.about == f"the data's own train and {name}"


def test_test_folder_wins_over_val(image_folder, tmp_path):
    root = tmp_path / "split"
    for split in ("train", "val", "test"):
        shutil.copytree(image_folder, root / split)
    data = load_folder(root)
    assert data.test.ids[0].startswith("test/")
    assert data.about == "the data's own train and test; val left out"


def test_fingerprint_follows_the_bytes(image_folder):
    before = load_folder(image_folder)
    assert load_folder(image_folder).train.fingerprint == before.train.fingerprint
    Image.new("RGB", (80, 64), "red").save(image_folder / before.train.ids[0])
    assert load_folder(image_folder).train.fingerprint != before.train.fingerprint


def test_other_files_are_passed_over(image_folder):
    (image_folder / "fine" / "notes.txt").write_text("hello")
    (image_folder / "fine" / ".hidden.png").write_bytes(b"")
    (image_folder / ".cache").mkdir()
    (image_folder / "empty").mkdir()
    data = load_folder(image_folder)
    assert data.notes == ("Files that are no images by their names, passed over: 1 (.txt).",)
    assert len(data.train) + len(data.test) == 36
    assert data.class_names == ("coarse", "fine", "medium")


def test_load_by_name(image_folder):
    assert load_classification(f"folder:{image_folder}").name == f"folder:{image_folder}"


def test_errors(image_folder, tmp_path):
    def refused(match, path=image_folder):
        with pytest.raises(InputError, match=match):
            load_folder(path)

    refused("does not exist", tmp_path / "none")
    (tmp_path / "empty").mkdir()
    refused("no images in class folders", tmp_path / "empty")
    shutil.rmtree(image_folder / "coarse")
    shutil.rmtree(image_folder / "medium")
    refused("at least two classes, but has only fine")


def test_class_with_too_few_images(image_folder):
    (image_folder / "rare").mkdir()
    Image.new("RGB", (8, 8)).save(image_folder / "rare" / "1.png")
    with pytest.raises(InputError, match="class 'rare' must have at least 3 images.*has 1"):
        load_folder(image_folder)


def test_class_missing_from_train(image_folder, tmp_path):
    root = tmp_path / "split"
    shutil.copytree(image_folder, root / "train")
    shutil.copytree(image_folder, root / "val")
    shutil.rmtree(root / "train" / "fine")
    with pytest.raises(InputError, match="class 'fine' is in val/ but not in train/"):
        load_folder(root)


def test_runs_inside_the_folder_are_no_classes(image_folder):
    before = load_folder(image_folder)
    for run in (image_folder / "run", image_folder / "fine" / "run"):
        run.mkdir()
        for name in (*RUN_MARKS, "curves.png"):
            shutil.copy(image_folder / "fine" / "0.png", run / name)
    after = load_folder(image_folder)
    assert after.class_names == before.class_names
    assert (after.train.ids, after.test.ids) == (before.train.ids, before.test.ids)


def test_a_class_may_be_called_train(image_folder):
    (image_folder / "fine").rename(image_folder / "train")
    assert load_folder(image_folder).class_names == ("coarse", "medium", "train")
    (image_folder / "train" / "steam").mkdir()
    assert load_folder(image_folder).class_names == ("coarse", "medium", "train")


def test_train_alone_is_drawn_from(image_folder, tmp_path):
    root = tmp_path / "split"
    shutil.copytree(image_folder, root / "Train")
    data = load_folder(root)
    assert (len(data.train), len(data.test)) == (24, 12)
    assert data.class_names == ("coarse", "fine", "medium")


def test_class_missing_from_test(image_folder, tmp_path):
    root = tmp_path / "split"
    shutil.copytree(image_folder, root / "train")
    shutil.copytree(image_folder, root / "test")
    shutil.rmtree(root / "test" / "fine")
    assert load_folder(root).notes[-1] == "Classes without test images: 1 ('fine')."


def test_folders_beside_the_splits_are_told(image_folder, tmp_path):
    root = tmp_path / "split"
    for name in ("train", "test"):
        shutil.copytree(image_folder, root / name)
    shutil.copytree(image_folder / "fine", root / "extra")
    data = load_folder(root)
    assert data.class_names == ("coarse", "fine", "medium")
    assert data.notes[-1] == "Folders beside the splits, passed over: extra."
