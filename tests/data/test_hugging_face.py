from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.data.conftest import NUM_ROOMS

from polyscale.data import load_classification, load_rooms
from polyscale.errors import InputError, MissingExtraError, RunError


@pytest.fixture(autouse=True)
def datasets(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    return datasets


@pytest.fixture
def pictures(image_folder):
    return [(f.read_bytes(), f.parent.name) for f in sorted(image_folder.rglob("*.png"))]


@pytest.fixture
def make(datasets, pictures):
    """A data set with the textures as images, and the columns that are asked for."""

    def made(features=None, **columns):
        image = [{"bytes": data, "path": None} for data, _ in pictures]
        names = ["coarse", "fine", "medium"]
        columns = columns or {"label": [names.index(name) for _, name in pictures]}
        features = features or {"label": datasets.ClassLabel(names=names)}
        return (
            datasets.Dataset.from_dict({"image": image, **columns})
            .cast_column("image", datasets.Image())
            .cast(datasets.Features({"image": datasets.Image(), **features}))
        )

    return made


def test_parquet_is_the_same_data(rooms_folder):
    """`rooms` through the library, image for image."""
    data, rooms = load_classification(f"hf:{rooms_folder}?image=image"), load_rooms()
    assert data.class_names == rooms.class_names
    for split, own in ((data.train, rooms.train), (data.test, rooms.test)):
        np.testing.assert_array_equal(split.labels, own.labels[:NUM_ROOMS])
        np.testing.assert_array_equal(split.read(5), own.read(5))
    assert data.notes == ()
    assert data.about == "the data's own train and test"


def test_save_to_disk(make, datasets, tmp_path, pictures):
    make().save_to_disk(str(tmp_path / "one"))
    data = load_classification(f"hf:{tmp_path / 'one'}")
    assert (len(data.train), len(data.test)) == (24, 12)
    datasets.DatasetDict(train=make(), validation=make()).save_to_disk(str(tmp_path / "two"))
    data = load_classification(f"hf:{tmp_path / 'two'}")
    assert (len(data.train), len(data.test)) == (36, 36)
    assert len(data.report.near_duplicates) == 36
    index = data.test.ids.index("validation/7")
    assert data.class_names[data.test.labels[index]] == pictures[7][1]


def test_one_file(make, tmp_path):
    make().to_parquet(str(tmp_path / "a.parquet"))
    assert len(load_classification(f"hf:{tmp_path / 'a.parquet'}?per_class=6").train) == 12
    assert len(load_classification(f"hf:{tmp_path}/*.parquet").train) == 24


def test_arrow_file(make, tmp_path):
    make().save_to_disk(str(tmp_path / "d"))
    (file,) = (tmp_path / "d").glob("*.arrow")
    assert len(load_classification(f"hf:{file}").test) == 12


def test_image_folder(image_folder):
    data, own = (load_classification(f"{kind}:{image_folder}") for kind in ("hf", "folder"))
    assert data.class_names == own.class_names
    assert (len(data.train), len(data.test)) == (24, 12)


def test_labels_that_are_words_or_numbers(make, datasets, tmp_path, pictures):
    words = [name for _, name in pictures]
    numbers = [{"fine": 10, "medium": 9, "coarse": 100}[word] for word in words]
    both = {"class": datasets.Value("string"), "n": datasets.Value("int64")}
    make(both, **{"class": words, "n": numbers}).to_parquet(str(tmp_path / "a.parquet"))
    source = f"hf:{tmp_path / 'a.parquet'}"
    assert load_classification(source).class_names == ("coarse", "fine", "medium")
    assert load_classification(f"{source}?label=n").class_names == ("9", "10", "100")


def test_a_choice_of_columns_is_the_users(make, datasets, tmp_path):
    label = datasets.ClassLabel(names=["a", "b"])
    values = [i % 2 for i in range(36)]
    made = make({"kind": label, "size": label}, kind=values, size=values)
    made.to_parquet(str(tmp_path / "a.parquet"))
    source = f"hf:{tmp_path / 'a.parquet'}"
    columns = r"image \(Image\), kind \(ClassLabel\), size \(ClassLabel\)"
    with pytest.raises(InputError, match=rf"column with the label, but of {columns} none is sure"):
        load_classification(source)
    assert load_classification(f"{source}?label=size").class_names == ("a", "b")
    with pytest.raises(InputError, match="'kinds' is none. Name it with .label=COLUMN"):
        load_classification(f"{source}?label=kinds")
    with pytest.raises(InputError, match="column with the image, but of .* 'kind' is none"):
        load_classification(f"{source}?image=kind&label=kind")


def test_splits(make, datasets, tmp_path):
    unlabelled = make(label=[-1] * 36)
    datasets.DatasetDict(a=make(), b=make(), test=unlabelled).save_to_disk(str(tmp_path / "d"))
    source = f"hf:{tmp_path / 'd'}"
    with pytest.raises(
        InputError, match="must have splits called train and test or val, but has a, b"
    ):
        load_classification(source)
    data = load_classification(f"{source}?train=b&test=a")
    assert data.test.ids[0] == "a/0"
    assert "Split without labels, left out: test." in data.notes


def test_rows_without_a_label_and_unused_classes(make, datasets, tmp_path, pictures):
    names = ["coarse", "absent", "fine", "medium"]
    labels = [names.index(name) for _, name in pictures]
    labels[0] = None
    make({"label": datasets.ClassLabel(names=names)}, label=labels).save_to_disk(
        str(tmp_path / "d")
    )
    data = load_classification(f"hf:{tmp_path / 'd'}")
    assert data.class_names == ("coarse", "fine", "medium")
    assert len(data.train) + len(data.test) == 35
    assert sorted(data.notes) == [
        "Classes without images, left out: 1 ('absent').",
        "Images of split all without a label, left out: 1.",
    ]


def test_broken_bytes_are_left_out_and_never_decoded_by_the_library(make, datasets, tmp_path):
    made = make().cast_column("image", datasets.Image(decode=False))
    rows = [
        row | {"image": {"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n", "path": "x.eps"}} if i == 3 else row
        for i, row in enumerate(made.to_list())
    ]
    rows[4]["image"] = None
    gone = tmp_path / "gone.png"
    gone.write_bytes(b"")
    rows[5]["image"] = {"bytes": None, "path": str(gone)}
    datasets.Dataset.from_list(rows, features=made.features).to_parquet(str(tmp_path / "d.parquet"))
    gone.unlink()
    data = load_classification(f"hf:{tmp_path / 'd.parquet'}")
    reasons = [u.reason for u in data.report.unreadable]
    assert reasons == ["no image format that is read", "an empty file", "No such file or directory"]


def test_reading_from_threads(make, tmp_path):
    make().save_to_disk(str(tmp_path / "d"))
    images = load_classification(f"hf:{tmp_path / 'd'}").train
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(images.read, list(range(len(images))) * 4))
    for i, image in enumerate(found):
        np.testing.assert_array_equal(image, images.read(i % len(images)))


def test_a_script_is_not_run(tmp_path):
    folder = tmp_path / "trap"
    folder.mkdir()
    (folder / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_classification(f"hf:{folder}")
    assert not (tmp_path / "ran").exists()


def test_no_network(datasets, monkeypatch):
    def unreachable(*args, **kwargs):
        raise ConnectionError("Couldn't reach 'someone/birds' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(RunError, match="hf:someone/birds cannot be fetched from the hub .Couldn't"):
        load_classification("hf:someone/birds")


def test_no_such_path_and_no_package(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="does not exist. Check the path"):
        load_classification(f"hf:{tmp_path / 'none'}")
    monkeypatch.setattr("polyscale.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"hf:x needs the package 'datasets'.*\[datasets\]"):
        load_classification("hf:x")
