import pytest

from polyscale.data import load_classification
from polyscale.errors import InputError


@pytest.fixture
def write(image_folder):
    def table(lines, name="table.csv", encoding="utf-8"):
        file = image_folder / name
        file.write_text("\n".join(lines) + "\n", encoding=encoding)
        return f"csv:{file}"

    return table


def rows(*splits, comma=","):
    found = [
        (f"{name}/{i}.png", name, split)
        for name in ("fine", "coarse")
        for i, split in enumerate(splits)
    ]
    return [comma.join(row[: 3 if splits[0] else 2]) for row in found]


def test_without_splits(write):
    data = load_classification(write(["path,label", *rows("", "", "")]))
    assert data.class_names == ("coarse", "fine")
    assert (len(data.train), len(data.test)) == (4, 2)
    for split in (data.train, data.test):
        for i in range(len(split)):
            assert split.ids[i].startswith(data.class_names[split.labels[i]])
            assert split.read(i).size == (80, 64)


def test_with_splits_tabs_and_a_byte_order_mark(write):
    lines = ["path\tlabel\tsplit", *rows("train", "train", "val", "test", comma="\t")]
    data = load_classification(write(lines, "table.tsv", "utf-8-sig"))
    assert set(data.test.ids) == {"fine/3.png", "coarse/3.png"}
    assert data.about == "the data's own train and test; val left out"


def test_other_columns(write):
    source = write(["file,breed,fold", *rows("train", "train", "test")])
    data = load_classification(f"{source}?image=file&label=breed&split=fold")
    assert (len(data.train), len(data.test)) == (4, 2)


def test_classes_and_commas_in_quotes(write, image_folder):
    (image_folder / "fine" / "0.png").rename(image_folder / "fine" / "a,b.png")
    lines = ["path,label", '"fine/a,b.png","Ärger, gross"', *rows("", "", "", "")[1:]]
    lines += [f'medium/{i}.png,"Ärger, gross"' for i in range(3)]
    assert "Ärger, gross" in load_classification(write(lines)).class_names


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label"], "must have a column 'path', but has file, label. Name the right one"),
        (["path,label"], "must name images, but is empty"),
        (["path,label", "fine/0.png,fine", "fine/1.png"], "line 3: its number of cells"),
        (["path,label", "fine/0.png,fine,x"], "line 2: its number of cells"),
        (["path,label", "fine/0.png, "], "line 2: label is empty"),
        (["path,label", ",fine"], "line 2: path is empty"),
        (["path,label", "fine/99.png,fine"], "line 2: there is no file 'fine/99.png'"),
        (["path,label", "fine/0.png,a", "fine/0.png,b"], "line 3: .* is already in line 2"),
        (["path,label,split", "fine/0.png,a,tset"], "split must be train, val or test, but is"),
        (["path,label", *rows("", "", "")[:3]], "at least two classes, but has only fine"),
        (
            ["path,label,split", *rows("train", "train"), "medium/0.png,medium,test"],
            "class 'medium' has test images but no training images",
        ),
    ],
)
def test_errors_name_the_line(write, lines, message):
    with pytest.raises(InputError, match=message):
        load_classification(write(lines))


def test_no_table(tmp_path, write):
    with pytest.raises(InputError, match="cannot be read .No such file"):
        load_classification(f"csv:{tmp_path / 'none.csv'}")
    (tmp_path / "binary.csv").write_bytes(b"path,label\n\xff\xfe\0,a\n")
    with pytest.raises(InputError, match="must be text in UTF-8"):
        load_classification(f"csv:{tmp_path / 'binary.csv'}")
