import numpy as np
import pytest
from tests.data.conftest import NUM_ROOMS

from polyscale.data import load_depth, load_segmentation
from polyscale.errors import InputError


@pytest.fixture(autouse=True)
def datasets(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    return datasets


@pytest.fixture
def made(datasets, scenes):
    """A data set of a few scenes, with the columns that are asked for."""

    def make(**columns):
        root, arrays = scenes()
        paths = {"image": "images", "mask": "masks", "depth": "depth"}
        ends = {"image": "jpg", "mask": "png", "depth": "png"}
        cells = {
            name: [str(root / paths[kind] / f"train/s{i}.{ends[kind]}") for i in range(6)]
            for name, kind in columns.items()
        }
        data = datasets.Dataset.from_dict(cells)
        for name in columns:
            data = data.cast_column(name, datasets.Image())
        data.save_to_disk(str(root.parent / "saved"))
        return f"hf:{root.parent / 'saved'}", list(arrays.values())

    return make


def test_rooms_are_the_same_data(rooms_folder, rooms_segmentation):
    """`rooms` through the library, pixel for pixel."""
    data = load_segmentation(f"hf:{rooms_folder}?reduce_zero=1")
    own = rooms_segmentation
    numbers = np.array(data.class_names, int)
    assert (len(data.train), len(data.test)) == (NUM_ROOMS, NUM_ROOMS)
    for i in range(NUM_ROOMS):
        np.testing.assert_array_equal(numbers[data.test.target(i)], own.test.target(i) + 1)
        np.testing.assert_array_equal(data.test.read(i), own.test.read(i))
    assert data.test.sizes_hw == own.test.sizes_hw[:NUM_ROOMS]
    assert data.report.near_duplicates == ()


def test_columns_are_found_by_their_names(made, tmp_path):
    source, arrays = made(image="image", annotation="mask", depth_map="depth")
    (tmp_path / "names.txt").write_text("sky\nsea\nland\n")
    data = load_segmentation(f"{source}?classes={tmp_path / 'names.txt'}")
    assert data.class_names == ("sky", "sea", "land")
    assert (len(data.train), len(data.test)) == (4, 2)
    depth = load_depth(f"{source}?max=9.5")
    for i, row in enumerate(depth.test.ids):
        stored = arrays[int(row.split("/")[1])][1]
        np.testing.assert_allclose(depth.test.target(i)[1:], stored[1:] / 1000, rtol=1e-6)


def test_a_choice_of_columns_is_the_users(made):
    source, _ = made(image="image", first="mask", second="mask")
    with pytest.raises(InputError, match=r"column with the mask, .* none is sure to be it. Name it "
                                         r"with .mask=COLUMN"):  # fmt: skip
        load_segmentation(source)
    assert load_segmentation(f"{source}?mask=second").class_names == ("0", "1", "2")


def test_a_mask_is_no_depth(made):
    source, _ = made(image="image", mask="mask")
    with pytest.raises(InputError, match="must have a column with the depth"):
        load_depth(source)


def test_rows_without_a_mask_are_left_out(made, datasets, tmp_path):
    source, _ = made(image="image", mask="mask")
    saved = datasets.load_from_disk(source[3:])
    raw = saved.cast_column("image", datasets.Image(decode=False)).cast_column(
        "mask", datasets.Image(decode=False)
    )
    rows = raw.to_list()
    rows[2]["mask"] = None
    datasets.Dataset.from_list(rows, features=raw.features).to_parquet(str(tmp_path / "a.parquet"))
    data = load_segmentation(f"hf:{tmp_path / 'a.parquet'}")
    assert len(data.train) + len(data.test) == 5
    assert [u.id for u in data.report.unreadable] == ["train/2"]
