"""Several labels an image, and a number an image: from tables and Hugging Face data."""

import numpy as np
import pytest

from polyscale.data import load_multilabel, load_numbers
from polyscale.errors import InputError

TAGS = ["a;b", "b", "", "c; a", "b;b;", "a"]


@pytest.fixture
def write(image_folder):
    """A table of the 36 textures with another column; the rows' values repeat."""

    def table(column, values, split=None, name="table.csv"):
        files = [f"{kind}/{i}.png" for kind in ("fine", "coarse", "medium") for i in range(12)]
        lines = [f"path,{column}" + (",split" if split else "")]
        for i, file in enumerate(files):
            line = f"{file},{values[i % len(values)]}"
            lines.append(f"{line},{split[i % len(split)]}" if split else line)
        (image_folder / name).write_text("\n".join(lines) + "\n")
        return f"csv:{image_folder / name}", dict(zip(files, values * 36, strict=False))

    return table


@pytest.fixture
def parquet(image_folder, tmp_path, monkeypatch):
    """A Parquet file of the 36 textures with other columns."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    pictures = [f.read_bytes() for f in sorted(image_folder.rglob("*.png"))]

    def make(features, **columns):
        cells = {"image": [{"bytes": data, "path": None} for data in pictures]}
        cells |= {k: [v[i % len(v)] for i in range(36)] for k, v in columns.items()}
        typed = datasets.Features({"image": datasets.Image(), **features})
        file = tmp_path / "made.parquet"
        datasets.Dataset.from_dict(cells, features=typed).to_parquet(str(file))
        return f"hf:{file}"

    make.datasets = datasets
    return make


def labels_of(split, names):
    return [{names[j] for j in np.flatnonzero(row)} for row in split.targets]


def test_several_labels_from_a_table(write):
    source, cells = write("labels", TAGS)
    data = load_multilabel(source)
    assert data.class_names == ("a", "b", "c")
    assert (len(data.train), len(data.test)) == (24, 12)
    assert data.about == "a third of the images drawn for testing by seed 0"
    for split in (data.train, data.test):
        assert split.targets.dtype == bool
        assert split.targets.shape == (len(split), 3)
        expected = [{t.strip() for t in cells[i].split(";")} - {""} for i in split.ids]
        assert labels_of(split, data.class_names) == expected
        assert split.read(0).size == (80, 64)
    assert load_multilabel(source, seed=1).test.ids != data.test.ids
    assert load_multilabel(source).train.fingerprint == data.train.fingerprint


def test_another_separator_and_column(write):
    source, _ = write("tags", [tags.replace(";", "|") for tags in TAGS])
    data = load_multilabel(f"{source}?labels=tags&separator=|")
    assert data.class_names == ("a", "b", "c")
    whole = load_multilabel(f"{source}?labels=tags")
    assert "a|b" in whole.class_names


def test_own_splits_and_labels_that_cannot_be_learned(write):
    source, _ = write("labels", ["a;b", "a;rare", "b", "b"], split=["train", "test"])
    data = load_multilabel(source)
    assert (len(data.train), len(data.test)) == (18, 18)
    assert data.class_names == ("a", "b")
    assert data.notes[-1] == "Labels without training images, left out: 1 ('rare')."
    source, _ = write("labels", ["a;lone", "a;b", "b", "b"], split=["train", "test"])
    data = load_multilabel(source)
    assert data.class_names == ("a", "b", "lone")
    assert data.notes[-1] == "Labels without test images: 1 ('lone')."


def test_no_labels_at_all(write):
    source, _ = write("labels", [""])
    with pytest.raises(InputError, match="must have labels on training images, but has none"):
        load_multilabel(source)


def test_labels_of_too_many_kinds(write, monkeypatch):
    monkeypatch.setattr("polyscale.data.listing.MAX_LABEL_CELLS", 50)
    source, _ = write("labels", TAGS)
    with pytest.raises(InputError, match="36 images and 3 different labels. Check the column"):
        load_multilabel(source)


def test_numbers_from_a_table(write):
    source, cells = write("age", ["1", "-2.5", "3e2", " 4 "])
    data = load_numbers(f"{source}?number=age")
    assert (len(data.train), len(data.test)) == (24, 12)
    for split in (data.train, data.test):
        assert split.targets.dtype == np.float64
        assert split.targets.tolist() == [float(cells[i]) for i in split.ids]
    limited = load_numbers(f"{source}?number=age&limit=9")
    assert (len(limited.train), len(limited.test)) == (6, 3)
    assert limited.about.endswith("; at most 9 images of all drawn by seed 0")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1", "x"], "line 3: the number must be finite, with a point for decimals, but is 'x'"),
        (["1", "nan"], "line 3: .* but is 'nan'"),
        (["1", "1e999"], "line 3: .* but is '1e999'"),
        (["1", ""], "line 3: number is empty"),
        (["5"], "must have different numbers to train on, but all are 5"),
    ],
)
def test_what_is_no_number(write, values, message):
    source, _ = write("number", values)
    with pytest.raises(InputError, match=message):
        load_numbers(source)


def test_unreadable_images_are_told_without_a_class(write, image_folder):
    source, _ = write("number", ["1", "2"])
    (image_folder / "fine" / "0.png").write_bytes(b"")
    (lost,) = load_numbers(source).report.unreadable
    assert (lost.id, lost.class_name, lost.reason) == ("fine/0.png", "", "an empty file")
    for file in image_folder.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"at least 2 training images .* has 0 \(fine/0.png: an "):
        load_numbers(source)


@pytest.mark.parametrize("source", ["rooms", "folder:x", "pairs:x", "imagenet:x"])
def test_sources_without_such_targets(source):
    with pytest.raises(InputError, match="data must be csv:PATH, hf:PATH or hf:NAME"):
        load_multilabel(source)
    with pytest.raises(InputError, match="data must be csv:PATH, hf:PATH or hf:NAME"):
        load_numbers(source)


def test_lists_of_words_and_of_classes(parquet):
    datasets = parquet.datasets
    words = [["b", "a"], [], ["c"], None]
    numbers = [[2, 0], [], [1], None]
    source = parquet(
        {
            "tags": datasets.List(datasets.Value("string")),
            "kinds": datasets.List(datasets.ClassLabel(names=["z", "y", "x", "unused"])),
        },
        tags=words,
        kinds=numbers,
    )
    data = load_multilabel(source)  # tags are called so
    assert data.class_names == ("a", "b", "c")
    assert len(data.train) + len(data.test) == 27
    assert "Images of split train without a label, left out: 9." in data.notes
    kinds = load_multilabel(f"{source}?labels=kinds")
    assert kinds.class_names == ("z", "y", "x")
    assert "Labels without training images, left out: 1 ('unused')." in kinds.notes
    to_kind = {"b": "x", "a": "z", "c": "y"}
    for split, other in ((data.train, kinds.train), (data.test, kinds.test)):
        assert split.ids == other.ids
        expected = [{to_kind[t] for t in row} for row in labels_of(split, data.class_names)]
        assert labels_of(other, kinds.class_names) == expected


def test_text_with_a_separator(parquet):
    text = parquet.datasets.Value("string")
    source = parquet({"labels": text}, labels=["a,b", "b", ""])
    assert load_multilabel(f"{source}?separator=,").class_names == ("a", "b")


def test_numbers_of_a_column(parquet):
    datasets = parquet.datasets
    features = {"age": datasets.Value("float32"), "count": datasets.Value("int64")}
    source = parquet(features, age=[1.5, 2.5, None, float("nan")], count=[1, 2, 3])
    data = load_numbers(source)
    assert len(data.train) + len(data.test) == 18
    assert "Images of split train without a number, left out: 18." in data.notes
    assert set(data.train.targets.tolist()) == {1.5, 2.5}
    assert set(load_numbers(f"{source}?number=count").train.targets.tolist()) == {1, 2, 3}
    with pytest.raises(InputError, match=r"column with the number, but of .* 'ages' is none"):
        load_numbers(f"{source}?number=ages")


def test_no_column_of_numbers(parquet):
    source = parquet({"text": parquet.datasets.Value("string")}, text=["a"])
    with pytest.raises(InputError, match="none is sure to be it. Name it with .number=COLUMN"):
        load_numbers(source)
    with pytest.raises(InputError, match="Name it with .labels=COLUMN"):
        load_multilabel(source)
    assert load_multilabel(f"{source}?labels=text").class_names == ("a",)
