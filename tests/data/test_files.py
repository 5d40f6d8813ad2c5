"""Files from outside are bounded: nothing hangs, fills the memory, or ends in a traceback."""

import os
import shutil
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from tests.data.test_image import encoded

from polyscale.data import files as module
from polyscale.data import load_classification, load_depth, load_numbers, load_segmentation
from polyscale.data.files import files_below, list_pictures, printable, read_text
from polyscale.data.image import read_stored, read_thumb
from polyscale.decode import read_image
from polyscale.errors import InputError

LATIN = "Ärger".encode("latin-1")
NO_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    return tmp_path / "pipe.csv"


def sparse(path, size=5 * 10**9, start=b""):
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


def refused(load, source, message):
    with pytest.raises(InputError, match=message) as caught:
        load(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["pipe", "/dev/zero", "/dev/stdin"])
def test_pipes_and_devices_are_no_data(pipe, place):
    place = pipe if place == "pipe" else place
    refused(load_classification, f"csv:{place}", "cannot be read .no regular file")
    refused(load_numbers, f"csv:{place}", "cannot be read .no regular file")
    refused(load_segmentation, f"pairs:{place}", "must have the folders images and masks")
    refused(load_depth, f"nyu:{place}", "has neither. Check the path")
    refused(load_classification, f"folder:{place}", "does not exist")
    with pytest.raises(InputError, match="no regular file"):
        read_image(pipe, name="x")
    with pytest.raises(InputError, match="no regular file"):
        read_stored(pipe, name="x", word="mask")


def test_hugging_face_on_a_pipe(pipe):
    pytest.importorskip("datasets", reason="datasets is not installed")
    refused(load_classification, f"hf:{pipe}", "is no regular file. Check the path")


def test_lists_of_classes_that_are_pipes(scenes, pipe):
    root, _ = scenes()
    refused(load_segmentation, f"pairs:{root}?classes={pipe}", "class names .*no regular file")


def test_huge_files_are_not_read(image_folder, tmp_path, scenes):
    sparse(image_folder / "fine" / "0.png")
    sparse(image_folder / "table.csv", start=b"path,label\n")
    data = load_classification(f"folder:{image_folder}")
    assert [u.reason for u in data.report.unreadable] == [
        "its 5.0 GB are more than the 1.1 GB that are read"
    ]
    refused(load_classification, f"csv:{image_folder / 'table.csv'}", "its 5.0 GB are more than")
    root, _ = scenes()
    sparse(root / "masks/train/s0.png")
    (lost,) = load_segmentation(f"pairs:{root}").report.unreadable
    assert "its mask masks/train/s0.png: its 5.0 GB" in lost.reason
    with pytest.raises(InputError, match="its 5.0 GB are more"):
        read_image(sparse(tmp_path / "a.webp", start=b"RIFF\0\0\0\0WEBPVP8 "), name="a.webp")


def test_a_whole_disk_is_no_data(image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_OTHERS", 20)
    for i in range(15):
        (tmp_path / "home" / f"project{i}").mkdir(parents=True)
        (tmp_path / "home" / f"project{i}" / "main.c").write_text("")
    shutil.copytree(image_folder, tmp_path / "home" / "photos" / "textures")
    load_classification(f"folder:{tmp_path / 'home/photos/textures'}")
    (tmp_path / "home" / "photos").rename(tmp_path / "home" / "projects")
    refused(load_classification, f"folder:{tmp_path}", "of the first .* only 0 are images by their")
    with pytest.raises(InputError, match="Name the folder of the images"):
        list_pictures([tmp_path / "home"])


@pytest.mark.parametrize("place", ["{}", "{}/**/*.parquet"])
@pytest.mark.parametrize("name", ["project", ".hidden"])
def test_hugging_face_does_not_walk_through_a_disk(tmp_path, monkeypatch, place, name):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr("polyscale.data.hugging_face.MAX_OTHERS", 20)
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: pytest.fail("the library walks"))
    for i in range(30):
        (tmp_path / f"{name}{i}").mkdir()
    refused(load_classification, f"hf:{place.format(tmp_path)}", "only 0 are images or tables by")


def test_folders_that_may_not_be_read(image_folder, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    before = load_classification(f"folder:{image_folder}")
    monkeypatch.setattr(module, "is_run", refuse)
    assert load_classification(f"folder:{image_folder}").train.ids == before.train.ids


def test_other_files_beside_images_are_no_disk(image_folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_OTHERS", 20)
    for file in list(image_folder.rglob("*.png")):
        for ending in (".txt", ".json"):
            file.with_suffix(ending).write_text("")
    assert len(load_classification(f"folder:{image_folder}").train) == 24


def test_links_in_a_circle(image_folder, tmp_path):
    (image_folder / "self").symlink_to(image_folder / "self")
    assert len(load_classification(f"folder:{image_folder}").train) == 24
    (image_folder / "fine" / "deep").symlink_to(image_folder)  # is not followed
    assert len(load_classification(f"folder:{image_folder}").train) == 24
    (image_folder / "up").symlink_to(tmp_path)
    refused(load_classification, f"folder:{image_folder}", "must not hold a link to itself .* 'up'")


def test_memory_for_16_bits_is_bounded():
    """Of NumPy's arrays: the pixels, their 8 bits, and a strip; once they took 4 times 8 bytes."""
    grey = np.zeros((3000, 3000), np.uint16)
    grey[::2] = 40_000
    data = encoded(Image.fromarray(grey), compress_level=1)
    tracemalloc.start()
    _, thumb = read_thumb(data, name="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 70 <= thumb.mean() <= 86
    assert peak < 8 * grey.size


def test_all_16_bit_values_are_rounded():
    grey = np.arange(65536, dtype=np.uint16).reshape(-1, 64)
    pixels = np.asarray(read_image(encoded(Image.fromarray(grey)), name="x"))[..., 0]
    np.testing.assert_array_equal(pixels, np.round(grey / 257).astype(np.uint8))


def test_empty_maps_are_unreadable(scenes):
    root, _ = scenes()
    for i, shape in enumerate([(0, 5), (0, 0), (0, 5, 1)]):
        (root / f"masks/train/s{i}.png").unlink()
        np.save(root / f"masks/train/s{i}.npy", np.zeros(shape, np.uint8))
    reasons = [u.reason for u in load_segmentation(f"pairs:{root}").report.unreadable]
    assert len(reasons) == 3
    assert all(reason.endswith("it holds no pixels") for reason in reasons)


@pytest.mark.parametrize("name", ["file", "class"])
def test_names_that_are_not_utf8(image_folder, name):
    old = image_folder / ("fine/0.png" if name == "file" else "fine")
    old.rename(old.with_name(NO_UTF8 + old.suffix))
    refused(load_classification, f"folder:{image_folder}", r"'.*caf\\\\udce9.*' must be UTF-8")


def test_other_names_that_are_not_utf8(image_folder, scenes):
    """They are passed over, and told in words that fit into a page."""
    (image_folder / "fine" / f"x.{NO_UTF8}").write_text("")
    data = load_classification(f"folder:{image_folder}")
    assert data.notes[0].encode()
    root, _ = scenes()
    (root / "masks/train/s0.png").rename(root / f"masks/train/{NO_UTF8}.png")
    assert all(note.encode() for note in load_segmentation(f"pairs:{root}").notes)
    (root / "images/train/s0.jpg").rename(root / f"images/train/{NO_UTF8}.jpg")
    refused(load_segmentation, f"pairs:{root}", "file name .* must be UTF-8")
    moved = image_folder.rename(image_folder.with_name(NO_UTF8))
    refused(load_classification, f"folder:{moved}", "data 'folder:.*' must be UTF-8")
    with pytest.raises(InputError, match="must be UTF-8"):
        list_pictures([moved])


def test_imagenet_names_that_are_not_utf8(image_folder, tmp_path):
    for split in ("train", "val"):
        for i, kind in enumerate(("fine", "coarse")):
            shutil.copytree(image_folder / kind, tmp_path / "net" / split / f"n0000000{i}")
    file = tmp_path / "net/val/n00000000/0.png"
    file.rename(file.with_name(f"{NO_UTF8}.png"))
    refused(load_classification, f"imagenet:{tmp_path / 'net'}?per_class=3", "must be UTF-8")


@pytest.mark.parametrize("load", [load_classification, load_segmentation, load_depth, load_numbers])
@pytest.mark.parametrize("scheme", ["folder", "csv", "imagenet", "ade20k", "pairs", "nyu", "hf"])
@pytest.mark.parametrize("path", ["/" + "x" * 5000, "x" * 300, "a\0b"])
def test_paths_that_cannot_be(load, scheme, path):
    pytest.importorskip("datasets", reason="datasets is not installed")
    with pytest.raises(InputError):
        load(f"{scheme}:{path}")


def test_a_path_in_a_table_that_is_too_long(image_folder):
    (image_folder / "t.csv").write_text(f"path,label\n{'x' * 9000},a\n")
    refused(load_classification, f"csv:{image_folder / 't.csv'}", "line 2: there is no file 'xxx")


def test_a_cell_over_the_limit(image_folder):
    (image_folder / "t.csv").write_text(f"path,label\nfine/0.png,{'x' * 200_000}\n")
    refused(load_classification, f"csv:{image_folder / 't.csv'}", "line 2: field larger than field")


def test_text_is_utf8(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffÄ\n".encode())
    assert read_text(tmp_path / "a.txt", "list") == "Ä\n"
    (tmp_path / "a.txt").write_bytes(LATIN)
    with pytest.raises(InputError, match=r"list '.*a.txt' must be text in UTF-8, but cannot be re"):
        read_text(tmp_path / "a.txt", "list")
    assert printable(f"a/{NO_UTF8}") == r"a/caf\udce9"


def test_hidden_files_and_others_are_counted_apart(image_folder):
    (image_folder / "fine" / ".x.png").write_text("")
    assert len(files_below(image_folder, frozenset({".png"}))) == 36
