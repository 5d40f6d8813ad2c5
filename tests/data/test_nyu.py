import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from polyscale.data import IGNORED, load_depth, load_segmentation
from polyscale.errors import InputError, MissingExtraError

EIGEN = (45 / 480, 41 / 640, 471 / 480, 601 / 640)
TRAIN, TEST = (1, 2, 5), (3, 4)
NAMES = ("wall", "cup", "floor", "wall hanging")


@pytest.fixture
def lists(scenes):
    """The layout of BTS: `sync/` for training, `official_splits/test/` for the test."""
    made, arrays = scenes()
    root = made.parent / "nyu"
    for split, base, scene in (("train", "sync", "den_01"), ("val", "official_splits/test", "den")):
        folder = root / base / scene
        folder.mkdir(parents=True)
        lines = []
        for i in range(6):
            shutil.copy(made / "images" / split / f"s{i}.jpg", folder / f"rgb_{i}.jpg")
            shutil.copy(made / "depth" / split / f"s{i}.png", folder / f"sync_depth_{i}.png")
            slash = "/" if split == "train" else ""
            lines.append(f"{slash}{scene}/rgb_{i}.jpg {slash}{scene}/sync_depth_{i}.png 518.8579")
        name = "nyu_train.txt" if split == "train" else "nyu_test.txt"
        (root / name).write_text("\n".join([*lines, ""]))
    return root, arrays


def test_lists(lists):
    root, arrays = lists
    data = load_depth(f"nyu:{root}")
    assert data.crop_yxyx == EIGEN
    assert data.about == "NYU Depth v2's own split, from the lists beside the files"
    assert data.train.ids[0] == "train/den_01/rgb_0.jpg"
    assert data.test.ids == tuple(f"test/den/rgb_{i}.jpg" for i in range(6))
    for split, name in ((data.train, "train"), (data.test, "val")):
        for i in range(6):
            stored = arrays[f"images/{name}/s{i}.jpg"][1]
            metres = np.where(stored == 0, np.nan, stored / 1000)
            np.testing.assert_allclose(split.target(i), metres, rtol=1e-6)
    assert load_depth(f"nyu:{root}?crop=none&per_metre=6553.5").crop_yxyx is None


def test_files_that_are_not_there(lists):
    root, _ = lists
    (root / "sync/den_01/rgb_2.jpg").unlink()
    names = (root / "nyu_test.txt").read_text()
    (root / "nyu_test.txt").write_text(f"{names}den/rgb_9.jpg None 518.8579\n")
    assert load_depth(f"nyu:{root}").notes == (
        "Images of nyu_train.txt that are not there with their depth, left out: 1, for example "
        "den_01/rgb_2.jpg.",
        "Images of nyu_test.txt that are not there with their depth, left out: 1, for example "
        "den/rgb_9.jpg.",
    )


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("nyu_train.txt", "a/rgb_1.jpg\n", "line 1: it must name two files, but is 'a/rgb_1.jpg'"),
        ("nyu_train.txt", "a b\n/a c\n", "line 2: a stands in the list already"),
        ("nyu_test.txt", "a/b.jpg a/c.png 5\n", r"of 1 images none is there with its depth \(a/b"),
        ("nyu_test.txt", None, "must have the lists nyu_train.txt and nyu_test.txt, but .* has no"),
    ],
)
def test_lists_that_are_wrong(lists, file, text, message):
    root, _ = lists
    if text is None:
        (root / file).unlink()
    else:
        (root / file).write_text(text)
    with pytest.raises(InputError, match=message):
        load_depth(f"nyu:{root}")


def test_lists_in_latin_1(lists):
    root, _ = lists
    (root / "nyu_train.txt").write_bytes("é/rgb_1.jpg é/depth.png 5".encode("latin-1"))
    with pytest.raises(InputError, match="list .* must be text in UTF-8, but cannot be read"):
        load_depth(f"nyu:{root}")


@pytest.fixture
def labelled(tmp_path):
    """The labelled file in small: h5py sees MATLAB's axes from the last to the first."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    from scipy.io import savemat

    generator = np.random.default_rng(0)
    small = generator.integers(0, 255, (5, 5, 7, 3), dtype=np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(i).resize((64, 48), Image.Resampling.BICUBIC)) for i in small]
    )
    depths = generator.uniform(0.7, 9.9, (5, 48, 64)).astype(np.float32)
    raw = np.where(generator.uniform(size=depths.shape) < 0.3, 0, depths)
    labels = generator.integers(0, 5, (5, 48, 64), dtype=np.uint16)
    root = tmp_path / "nyu_mat"
    root.mkdir()
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = images.transpose(0, 3, 2, 1)  # (image, channel, column, row)
        file["depths"] = depths.transpose(0, 2, 1)
        file["rawDepths"] = raw.transpose(0, 2, 1)
        file["labels"] = labels.transpose(0, 2, 1)
        cells = file.create_group("#refs#")
        names = file.create_dataset("names", (1, len(NAMES)), h5py.ref_dtype)
        for i, name in enumerate(NAMES):  # a column of characters each, as MATLAB keeps strings
            cells[f"n{i}"] = np.array([[ord(c)] for c in name], np.uint16)
            names[0, i] = cells[f"n{i}"].ref
    numbers = {"trainNdxs": np.array(TRAIN)[:, None], "testNdxs": np.array(TEST)[:, None]}
    savemat(root / "splits.mat", numbers)
    return root, images, depths, raw, labels


def test_labelled_file_for_depth(labelled):
    root, images, depths, raw, _ = labelled
    data = load_depth(f"nyu:{root}")
    assert data.train.ids == ("0001", "0002", "0005")
    assert data.test.ids == ("0003", "0004")
    assert data.crop_yxyx == EIGEN
    assert data.about == "NYU Depth v2's own split of its labelled images"
    for i, number in enumerate(TEST):
        np.testing.assert_array_equal(data.test.read(i), images[number - 1])
        expected = np.where(raw[number - 1] == 0, np.nan, raw[number - 1])
        np.testing.assert_array_equal(data.test.target(i), expected)
        assert data.test.sizes_hw[i] == (48, 64)
    filled = load_depth(f"nyu:{root / 'nyu_depth_v2_labeled.mat'}?filled=1")
    np.testing.assert_array_equal(filled.test.target(0), depths[2])
    assert filled.test.fingerprint == data.test.fingerprint
    assert filled.test.target_fingerprint != data.test.target_fingerprint


def test_labelled_file_for_segmentation(labelled):
    root, _, _, _, labels = labelled
    data = load_segmentation(f"nyu:{root}")
    assert data.class_names == NAMES
    expected = np.where(labels[2] == 0, IGNORED, labels[2].astype(int) - 1)
    np.testing.assert_array_equal(data.test.target(0), expected)


def test_the_customary_mapping_to_40_classes(labelled):
    from scipy.io import savemat

    root, _, _, _, labels = labelled
    to_40 = np.array([1, 40, 2, 1])
    class_names = np.array([f"class{i}" for i in range(1, 41)], dtype=object)
    mapping = {"mapClass": to_40[None], "className": class_names[None]}
    savemat(root / "classMapping40.mat", mapping)
    data = load_segmentation(f"nyu:{root}")
    assert len(data.class_names) == 40
    expected = np.concatenate([[IGNORED], to_40 - 1])[labels[2]]
    np.testing.assert_array_equal(data.test.target(0), expected)


def test_labelled_file_from_threads(labelled):
    root, images, _, _, _ = labelled
    split = load_depth(f"nyu:{root}").train
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(split.read, list(range(3)) * 20))
        depths = list(pool.map(split.target, list(range(3)) * 20))
    for i, (image, depth) in enumerate(zip(found, depths, strict=True)):
        np.testing.assert_array_equal(image, images[TRAIN[i % 3] - 1])
        np.testing.assert_array_equal(depth, split.target(i % 3))


def test_labelled_files_that_are_wrong(labelled, monkeypatch):
    from scipy.io import savemat

    root = labelled[0]
    splits = root / "splits.mat"

    def refused(message, load=load_depth, path=root):
        with pytest.raises(InputError, match=message):
            load(f"nyu:{path}")

    savemat(splits, {"trainNdxs": np.array([1, 2]), "testNdxs": np.array([6])})
    refused("testNdxs of .* must hold whole numbers from 1 to 5, but holds 6")
    savemat(splits, {"trainNdxs": np.array([1, 2])})
    refused("must be a MATLAB file with trainNdxs and testNdxs")
    splits.unlink()
    refused("splits.mat must lie beside nyu_depth_v2_labeled.mat, but is not in")
    refused("must have nyu_depth_v2_labeled.mat, or for depth", path=root.parent)
    (root / "nyu_depth_v2_labeled.mat").write_bytes(b"hello")
    refused("must be an HDF5 file, but cannot be read")
    monkeypatch.setattr("polyscale.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'h5py'.*polyscale\[nyu\]"):
        load_segmentation(f"nyu:{root}")


def entries(root, **changed):
    """Replace entries of the labelled file; None takes one out."""
    import h5py

    with h5py.File(root / "nyu_depth_v2_labeled.mat", "r+") as file:
        for name, value in changed.items():
            del file[name]
            if value is not None:
                file[name] = value


SHAPES = "must hold numbers, images × 3 × width × height, and .* of the same number and size"


@pytest.mark.parametrize(
    ("name", "value", "load", "message"),
    [
        ("rawDepths", None, load_depth, "must hold images and rawDepths, but has no rawDepths"),
        ("images", None, load_segmentation, "must hold images and labels, but has no images"),
        ("images", 3, load_depth, SHAPES),
        ("images", "words", load_depth, SHAPES),
        ("images", np.zeros((5, 0, 64, 48), np.uint8), load_depth, SHAPES),
        ("images", np.zeros((0, 3, 64, 48), np.uint8), load_depth, SHAPES),
        ("rawDepths", 1.5, load_depth, SHAPES),
        ("rawDepths", ["a"] * 5, load_depth, SHAPES),
        ("rawDepths", np.zeros((4, 64, 48)), load_depth, SHAPES),
        ("rawDepths", np.zeros((5, 64)), load_depth, SHAPES),
        ("labels", np.full((5, 64, 48), b"x"), load_segmentation, SHAPES),
        ("names", None, load_segmentation, "must hold the names of its classes, but has none"),
        ("names", 5, load_segmentation, "must hold the names of its classes, but has none"),
        ("names", "wall", load_segmentation, "must hold the names of its classes, but has none"),
        ("names", np.arange(4.0), load_segmentation, "must hold the names of its classes"),
    ],
)
def test_entries_that_are_wrong(labelled, name, value, load, message):
    root = labelled[0]
    entries(root, **{name: value})
    with pytest.raises(InputError, match=message):
        load(f"nyu:{root}")


def test_a_truncated_file(labelled):
    file = labelled[0] / "nyu_depth_v2_labeled.mat"
    data = file.read_bytes()
    for share in (0.1, 0.5, 0.9):
        file.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InputError, match="must be an HDF5 file, but cannot be read"):
            load_depth(f"nyu:{labelled[0]}")


def test_one_broken_image_is_left_out(labelled):
    import h5py

    root, images = labelled[:2]
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "r+") as file:
        stored = file["images"][:]
        del file["images"]
        made = file.create_dataset(
            "images", data=stored, chunks=(1, *stored.shape[1:]), compression="gzip"
        )
        place, size = made.id.get_chunk_info(1).byte_offset, made.id.get_chunk_info(1).size
    whole = bytearray((root / "nyu_depth_v2_labeled.mat").read_bytes())
    whole[place : place + size] = b"\xff" * size
    (root / "nyu_depth_v2_labeled.mat").write_bytes(whole)
    data = load_depth(f"nyu:{root}")
    assert data.train.ids == ("0001", "0005")
    (lost,) = data.report.unreadable
    assert lost.id == "0002"
    assert lost.reason.startswith("nyu_depth_v2_labeled.mat: ")
    np.testing.assert_array_equal(data.train.read(1), images[4])


@pytest.mark.parametrize("numbers", [["a", "b"], [1.5, 2.0], [np.nan, 1.0]])
def test_splits_that_are_no_numbers(labelled, numbers):
    from scipy.io import savemat

    savemat(labelled[0] / "splits.mat", {"trainNdxs": numbers, "testNdxs": [3]})
    with pytest.raises(
        InputError, match="trainNdxs of .* must hold whole numbers from 1 to 5, but"
    ):
        load_depth(f"nyu:{labelled[0]}")


@pytest.mark.parametrize("numbers", [[1, 41, 2, 1], [-1, 1, 2, 1], [np.nan, 1, 2, 1]])
def test_a_mapping_to_no_class(labelled, numbers):
    from scipy.io import savemat

    names = np.array([f"class{i}" for i in range(1, 41)], dtype=object)
    mapping = {"mapClass": np.array(numbers)[None], "className": names[None]}
    savemat(labelled[0] / "classMapping40.mat", mapping)
    with pytest.raises(InputError, match="mapClass of .* must hold whole numbers from 0 to 40"):
        load_segmentation(f"nyu:{labelled[0]}")


def test_labels_beyond_the_mapping(labelled):
    from scipy.io import savemat

    names = np.array([f"class{i}" for i in range(1, 41)], dtype=object)
    savemat(labelled[0] / "classMapping40.mat", {"mapClass": [[1]], "className": names[None]})
    with pytest.raises(InputError, match="at least 2 training images .* out of bounds"):
        load_segmentation(f"nyu:{labelled[0]}")
