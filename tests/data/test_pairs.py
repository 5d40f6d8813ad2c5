import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from polyscale.data import IGNORED, load_depth, load_segmentation
from polyscale.data import inspection as module
from polyscale.errors import InputError


def mask(root, name="train/s0"):
    return root / "masks" / f"{name}.png"


def write(path, values):
    Image.fromarray(np.asarray(values)).save(path)


def test_labels_are_the_stored_numbers(scenes):
    root, arrays = scenes()
    data = load_segmentation(f"pairs:{root}")
    assert data.class_names == ("0", "1", "2")
    assert data.about == "the data's own train and val"
    assert data.notes == ()
    for split, name in ((data.train, "train"), (data.test, "val")):
        assert split.ids == tuple(f"images/{name}/s{i}.jpg" for i in range(6))
        assert set(split.sizes_hw) == {(40, 56)}
        for i, image_id in enumerate(split.ids):
            stored = arrays[image_id][0].astype(int)
            expected = np.where(stored == 255, IGNORED, stored)
            np.testing.assert_array_equal(split.target(i), expected)
            assert split.read(i).size == (56, 40)


def test_depth_is_in_metres(scenes):
    root, arrays = scenes()
    data = load_depth(f"pairs:{root}?max=8&min=0.5")
    assert (data.min_depth_m, data.max_depth_m, data.crop_yxyx) == (0.5, 8, None)
    for i, image_id in enumerate(data.test.ids):
        metres, stored = data.test.target(i), arrays[image_id][1]
        assert np.isnan(metres[0, 0])
        np.testing.assert_allclose(metres[1:], stored[1:] / 1000, rtol=1e-6)
    halved = load_depth(f"pairs:{root}?per_metre=2000").test.target(0)
    np.testing.assert_allclose(halved * 2, data.test.target(0), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "values", "names", "zero"),
    [
        ("", (0, 3, 7, 255), ("0", "3", "7"), 0),
        ("?reduce_zero=1", (0, 3, 7, 255), ("3", "7"), IGNORED),
        ("?ignore=3", (0, 3, 7, 255), ("0", "7", "255"), 0),
        ("?ignore=none", (0, 255), ("0", "255"), 0),
    ],
)
def test_the_values_that_occur_are_the_classes(scenes, options, values, names, zero):
    root, arrays = scenes(values=values)
    data = load_segmentation(f"pairs:{root}{options}")
    assert data.class_names == names
    labels, stored = data.train.target(0), arrays[data.train.ids[0]][0]
    for label, name in enumerate(names):
        np.testing.assert_array_equal(labels == label, stored == int(name))
    assert labels[0, 0] == zero


def test_arrays_may_ignore_minus_one(scenes):
    root, arrays = scenes()
    for name, (stored, _) in arrays.items():
        file = mask(root, name[len("images/") : -len(".jpg")])
        file.unlink()
        np.save(file.with_suffix(".npy"), np.where(stored == 255, -1, stored.astype(np.int64)))
    with pytest.raises(
        InputError, match=r"must hold classes from 0 \(ignored: 255\), but holds -1"
    ):
        load_segmentation(f"pairs:{root}")
    data = load_segmentation(f"pairs:{root}?ignore=-1")
    stored = arrays[data.train.ids[0]][0].astype(int)
    np.testing.assert_array_equal(data.train.target(0), np.where(stored == 255, IGNORED, stored))


def test_names_of_classes(scenes, tmp_path):
    root, _ = scenes()
    (root / "classes.txt").write_text("sky\nsea\nland\nmoon\n")
    data = load_segmentation(f"pairs:{root}")
    assert data.class_names == ("sky", "sea", "land", "moon")
    assert [note.split(";")[0] for note in data.notes] == [
        "Classes in no training image: 1 ('moon')",
        "Classes in no test image: 1 ('moon')",
    ]
    (tmp_path / "two.txt").write_text("sea\nland\n")
    data = load_segmentation(f"pairs:{root}?reduce_zero=1&classes={tmp_path / 'two.txt'}")
    assert data.class_names == ("sea", "land")
    assert data.train.target(0)[0, :4].tolist() == [IGNORED, 0, 1, IGNORED]


def test_without_splits_a_third_is_drawn_whatever_the_order(scenes):
    root, _ = scenes(splits=("",), num=12)
    data = load_segmentation(f"pairs:{root}")
    assert (len(data.train), len(data.test)) == (8, 4)
    assert data.about == "a third of the images drawn for testing by seed 0"
    assert load_segmentation(f"pairs:{root}", seed=1).test.ids != data.test.ids
    for folder, ending in (("images", "jpg"), ("masks", "png")):
        shutil.copy(root / folder / f"s0.{ending}", root / folder / f"a0.{ending}")
    assert len(set(load_segmentation(f"pairs:{root}").test.ids) ^ set(data.test.ids)) <= 2


def test_fingerprints_follow_images_and_targets_apart(scenes):
    root, _ = scenes()
    before = load_segmentation(f"pairs:{root}").train
    depth = load_depth(f"pairs:{root}").train
    assert depth.fingerprint == before.fingerprint
    assert depth.target_fingerprint != before.target_fingerprint
    numbers = np.asarray(Image.open(mask(root))).copy()
    numbers[5, 5] = (numbers[5, 5] + 1) % 2
    write(mask(root), numbers)
    after = load_segmentation(f"pairs:{root}").train
    assert after.fingerprint == before.fingerprint
    assert after.target_fingerprint != before.target_fingerprint
    other = load_segmentation(f"pairs:{root}?ignore=0").train
    assert other.target_fingerprint != after.target_fingerprint
    Image.new("RGB", (56, 40), "red").save(root / "images" / "train" / "s0.jpg")
    assert load_segmentation(f"pairs:{root}").train.fingerprint != before.fingerprint


def test_targets_from_threads(scenes):
    root, _ = scenes()
    split = load_segmentation(f"pairs:{root}").train
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(split.target, list(range(6)) * 8))
    for i, labels in enumerate(found):
        np.testing.assert_array_equal(labels, split.target(i % 6))


def test_what_cannot_be_read_is_left_out_and_told(scenes):
    root, _ = scenes()
    (root / "images/train/s0.jpg").write_bytes(b"hello")
    mask(root, "train/s1").write_bytes(mask(root, "train/s1").read_bytes()[:80])
    write(mask(root, "val/s2"), np.full((40, 56), 255, np.uint8))
    mask(root, "val/s3").unlink()
    (root / "images/val/s4.jpg").rename(root / "images/val/other.jpg")
    (root / "masks/train/notes.md").write_text("hello")
    data = load_segmentation(f"pairs:{root}")
    assert [u.id for u in data.report.unreadable] == ["images/train/s0.jpg", "images/train/s1.jpg"]
    assert data.report.unreadable[1].reason.startswith("its mask masks/train/s1.png: ")
    assert set(data.report.remarks) == {
        "Images whose mask has no pixel that counts, left out: 1, for example images/val/s2.jpg.",
        "Images without a mask, left out: 2, for example images/val/other.jpg.",
        "Masks without an image, left out: 1, for example masks/val/s4.png.",
        "Files that are no images by their names, passed over: 1 (.md).",
    }
    assert (len(data.train), len(data.test)) == (4, 3)


def test_depth_that_is_partly_too_far_is_told(scenes):
    root, _ = scenes()
    assert not any("beyond" in note for note in load_depth(f"pairs:{root}?max=100").notes)
    far = np.full((40, 56), 2_000, np.uint16)
    far[20:] = 31_000
    write(root / "depth/train/s0.png", far)
    told = "Depth maps with pixels beyond 10 m, which do not count: 1 of 12, the farthest at 31 m."
    assert told in " ".join(load_depth(f"pairs:{root}").notes)


def test_depth_that_is_unknown_or_out_of_range_is_left_out(scenes):
    root, _ = scenes()
    write(root / "depth/train/s0.png", np.zeros((40, 56), np.uint16))
    write(root / "depth/train/s1.png", np.full((40, 56), 12_000, np.uint16))
    np.save(root / "depth/train/s2.npy", np.full((40, 56), np.nan))
    (root / "depth/train/s2.png").unlink()
    data = load_depth(f"pairs:{root}")
    assert data.train.ids == tuple(f"images/train/s{i}.jpg" for i in (3, 4, 5))
    assert "depth map has no pixel that counts, left out: 3" in data.notes[0]
    with pytest.raises(
        InputError, match=r"at least 2 training images with a depth map that can be used, but has "
        r"0 \(Images whose depth map has no pixel that counts, left out: 6.*say "
        r"their unit and range with .per_metre=",
    ):  # fmt: skip
        load_depth(f"pairs:{root}?per_metre=1")


def test_copies_across_the_splits_are_named(scenes):
    root, _ = scenes()
    shutil.copy(root / "images/train/s0.jpg", root / "images/val/s1.jpg")
    (pair,) = load_segmentation(f"pairs:{root}").report.near_duplicates
    assert (pair.train_id, pair.test_id) == ("images/train/s0.jpg", "images/val/s1.jpg")
    assert pair.same_bytes


def test_what_was_found_is_kept(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("polyscale.data.inspection_cache.SETTLED_S", -60)
    root, _ = scenes()
    steps = []
    first = load_segmentation(
        f"pairs:{root}", cache=tmp_path / "cache", progress=lambda *call: steps.append(call)
    )
    assert ("data: train masks", 6, 6, "images") in steps
    monkeypatch.setattr(module, "read_stored", lambda *a, **k: pytest.fail("looked again"))
    again = load_segmentation(f"pairs:{root}?ignore=1", cache=tmp_path / "cache")
    assert again.train.fingerprint == first.train.fingerprint
    assert again.class_names == ("0", "2", "255")


def spoil_size(root):
    write(mask(root), np.zeros((20, 56), np.uint8))


def spoil_class(root):
    (root / "classes.txt").write_text("sky\nsea\n")


def spoil_colours(root):
    Image.new("RGB", (56, 40)).save(mask(root))


def spoil_float(root):
    mask(root).unlink()
    np.save(mask(root).with_suffix(".npy"), np.zeros((40, 56)))


def spoil_stems(root):
    for file in (root / "masks" / "train").iterdir():
        file.rename(file.with_name("mask_" + file.name))


def spoil_split(root):
    shutil.rmtree(root / "masks" / "val")


def spoil_twins(root):
    shutil.copy(root / "images/train/s0.jpg", root / "images/train/s0.png")


def spoil_all_but_one(root):
    for file in sorted((root / "images" / "train").iterdir())[1:]:
        file.write_bytes(b"")


def spoil_test(root):
    for file in (root / "images" / "val").iterdir():
        file.write_bytes(b"")


def spoil_names(root):
    (root / "classes.txt").write_text("sky\nsea\nsky\n")


def spoil_images_split(root):
    shutil.rmtree(root / "images/train")


def spoil_folder(root):
    shutil.rmtree(root / "masks")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_size, r"mask masks/train/s0.png must have the size of its image images/train/s0.jpg "
                     r"\(56×40 px upright\), but has 56×20 px"),
        (spoil_class, r"mask masks/train/s0.png must hold classes from 0 to 1 \(ignored: 255\), "
                      r"but holds 2"),
        (spoil_colours, r"mask masks/train/s0.png must hold one number .* \(RGB\). Replace each"),
        (spoil_float, "mask masks/train/s0.npy must hold whole numbers, but holds float64"),
        (spoil_stems, "but none of 6 has, for example s0. Rename the files"),
        (spoil_images_split, "images of .* must have the split folders of masks.* has no train"),
        (spoil_split, "must have the split folders of images, but has no val"),
        (spoil_twins, "must differ in more than their endings, but s0.jpg and s0.png do not"),
        (spoil_all_but_one, r"at least 2 training images with a mask that can be used, but has 1 "
                            r"\(images/train/s1.jpg: an empty file\)"),
        (spoil_test, "at least 1 test images with a mask that can be used, but has 0"),
        (spoil_names, "must be different names, .* but the file holds 'sky' twice"),
        (spoil_folder, "must have the folders images and masks, but .* has no masks"),
    ],
)  # fmt: skip
def test_errors(scenes, spoil, message):
    root, _ = scenes()
    spoil(root)
    with pytest.raises(InputError, match=message):
        load_segmentation(f"pairs:{root}")


def test_binary_masks_of_255_are_told_how(scenes):
    root, _ = scenes(values=(0, 255))
    with pytest.raises(InputError, match=r"hold only 0 besides .* \(255\).*say .ignore=none"):
        load_segmentation(f"pairs:{root}")


def test_depth_of_8_bits_has_no_unit(scenes):
    root, _ = scenes()
    for split in ("train", "val"):
        for file in (root / "depth" / split).iterdir():
            write(file, np.full((40, 56), 51, np.uint8))
    with pytest.raises(InputError, match="has 8 bits, and no unit is customary.*per_metre=25.5"):
        load_depth(f"pairs:{root}")
    metres = load_depth(f"pairs:{root}?per_metre=25.5").train.target(0)
    np.testing.assert_allclose(metres, 2.0)


def test_16_bit_and_grey_images(scenes):
    root, _ = scenes()
    grey = np.linspace(0, 65535, 40 * 56).reshape(40, 56)
    (root / "images/train/s0.jpg").unlink()
    write(root / "images/train/s0.png", grey.astype(np.uint16))
    Image.open(root / "images/train/s1.jpg").convert("L").save(root / "images/train/s1.jpg")
    data = load_segmentation(f"pairs:{root}")
    assert {data.train.read(i).mode for i in range(6)} == {"RGB"}


def test_an_image_on_its_side_fits_the_mask_of_its_upright_form(scenes):
    root, _ = scenes()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 56)).save(root / "images/train/s0.jpg", exif=exif)
    data = load_segmentation(f"pairs:{root}")
    assert data.train.sizes_hw[0] == data.train.target(0).shape == (40, 56)
    assert data.train.read(0).size == (56, 40)
