import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from polyscale.data import load_classification, load_training
from polyscale.errors import InputError

webdataset = pytest.importorskip("webdataset")


@pytest.fixture(scope="module")
def shards(textures, tmp_path_factory):
    """The training images of `textures` in five shards, as webdataset itself writes them."""
    images = load_classification(f"folder:{textures}").train
    root = tmp_path_factory.mktemp("shards")
    for number, chosen in enumerate(np.array_split(np.arange(len(images)), 5)):
        with webdataset.TarWriter(str(root / f"train-{number}.tar"), encoder=False) as writer:
            for index in chosen:
                writer.write(
                    {
                        "__key__": images.ids[index].replace("/", "-").removesuffix(".png"),
                        "png": (textures / images.ids[index]).read_bytes(),
                        "cls": str(10 * images.labels[index]).encode(),
                    }
                )
    return root


def test_braces_that_do_not_close_are_refused(shards):
    with pytest.raises(InputError, match=r"must have braces in pairs.*Example: wds:"):
        load_training(f"wds:{shards}/train-{{0..")


@pytest.mark.parametrize("pattern", ["train-{0..4}.tar", "train-*.tar", "*.tar"])
def test_shards_give_the_images_of_the_folder(shards, textures, pattern):
    folder = load_classification(f"folder:{textures}").train
    data = load_training(f"wds:{shards}/{pattern}")
    assert data.class_names == ("0", "10", "20")
    assert data.group_sizes == (5, 5, 5, 5, 4)
    assert data.train.ids[5].startswith("train-1.tar/")
    np.testing.assert_array_equal(data.train.labels, folder.labels)
    for index in (0, 4, 5, 23):
        np.testing.assert_array_equal(data.train.read(index), folder.read(index))


def test_hugging_face_gives_the_images_of_the_folder(textures, tmp_path):
    datasets = pytest.importorskip("datasets")
    folder = load_classification(f"folder:{textures}").train
    rows = {
        "image": [str(textures / name) for name in folder.ids],
        "label": folder.labels.tolist(),
    }
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(3))
    splits = {n: datasets.Dataset.from_dict(rows, features=features) for n in ("train", "test")}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "hf")
    images = load_training(f"hf:{tmp_path / 'hf'}").train
    np.testing.assert_array_equal(images.labels, folder.labels)
    for index in range(0, len(folder), 5):
        np.testing.assert_array_equal(images.read(index), folder.read(index))


def test_images_below_a_folder_need_no_classes(textures):
    data = load_training(f"images:{textures}", labels=False)
    assert len(data.train) == 36
    assert data.class_names == ()
    assert data.train.read(0).size == (80, 64)
    with pytest.raises(InputError, match=r"data must have classes, but images:\S+ has none"):
        load_training(f"images:{textures}")
    with pytest.raises(InputError, match="must be a folder with images"):
        load_training("images:nowhere", labels=False)


def rewrite(shards, folder, change):
    """One shard, changed as bytes."""
    file = folder / "train-0.tar"
    file.write_bytes(change((shards / "train-0.tar").read_bytes()))
    return f"wds:{file}"


def ends(shard):
    """Where the data of each file end, and then that of all files with padding."""
    with tarfile.open(shard) as opened:
        return [info.offset_data + info.size for info in opened], opened.offset


@pytest.mark.parametrize("cut", ["within the last file", "after the last file", "in a header"])
def test_a_truncated_shard_is_named(shards, tmp_path, cut):
    files, end = ends(shards / "train-0.tar")
    length = {
        "within the last file": files[-1] - 1,
        "after the last file": end,
        "in a header": -(-files[3] // 512) * 512 + 100,
    }[cut]
    source = rewrite(shards, tmp_path, lambda content: content[:length])
    with pytest.raises(
        InputError, match=r"shard '\S+train-0.tar' must be a whole tar file"
    ) as told:
        load_training(source)
    assert "unexpected end of data" in str(told.value)


def test_other_broken_shards(shards, tmp_path):
    for change in (lambda content: b"", lambda content: b"x" * 5000):
        with pytest.raises(InputError, match="must be a whole tar file"):
            load_training(rewrite(shards, tmp_path, change))
    with pytest.raises(InputError, match=r"must name tar files .* but none matches. Example: wds:"):
        load_training(f"wds:{tmp_path}/b*.tar")
    with pytest.raises(InputError, match=r"'\S+train-5.tar' is none"):
        load_training(f"wds:{shards}/train-{{4..5}}.tar")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.png": b"1"}, "must have a .cls file with its class, but 'a' has none"),
        ({"a.cls": b"1"}, "must have an image, but 'a' has none"),
        ({"a.png": b"1", "a.cls": b"cat"}, "must hold the number of a class, but holds 'cat'"),
    ],
)
def test_samples_that_lack_something(tmp_path, files, told):
    with tarfile.open(tmp_path / "a.tar", "w") as opened:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError, match=told):
        load_training(f"wds:{tmp_path}/a.tar")


def test_a_shard_that_shrinks_later_is_told(shards, tmp_path):
    data = load_training(rewrite(shards, tmp_path, lambda content: content))
    Path(tmp_path / "train-0.tar").write_bytes(b"")
    with pytest.raises(InputError, match="its shard has become shorter"):
        data.train.read(0)
