import shutil

import numpy as np
import pytest

from polyscale.data import IGNORED, load_segmentation
from polyscale.errors import InputError


@pytest.fixture
def ade20k(scenes):
    root, arrays = scenes(splits=("training", "validation"), values=(0, 1, 2, 150, 255))
    (root / "masks").rename(root / "annotations")
    shutil.rmtree(root / "depth")
    return root, arrays


def test_zero_is_ignored_and_classes_start_at_one(ade20k):
    root, arrays = ade20k
    data = load_segmentation(f"ade20k:{root}")
    assert data.class_names == tuple(f"class {i}" for i in range(1, 151))
    assert data.about == "ADE20K's own training and validation"
    assert data.train.ids[0] == "images/training/s0.jpg"
    for i, image_id in enumerate(data.test.ids):
        stored = arrays[image_id][0].astype(int)
        expected = np.where((stored == 0) | (stored == 255), IGNORED, stored - 1)
        np.testing.assert_array_equal(data.test.target(i), expected)
    assert data.notes[0].startswith("Classes in no training image: 147 ('class 3', 'class 4', ")
    renamed = root.rename(root.parent / "ADEChallengeData2016")
    assert load_segmentation(f"ade20k:{renamed.parent}").test.ids == data.test.ids


def test_names_of_classes(ade20k):
    root, _ = ade20k
    lines = ["Idx\tRatio\tTrain\tVal\tStuff\tName"]
    lines += [f"{i}\t0.1\t5\t3\t0\tthing{i}, item " for i in range(1, 149)]
    lines += ["149\t0.1\t5\t3\t0\tscreen, silver screen", "150\t0.1\t5\t3\t0\tscreen, crt"]
    (root / "objectInfo150.txt").write_text("\n".join(lines))
    names = load_segmentation(f"ade20k:{root}").class_names
    assert (names[0], names[147]) == ("thing1", "thing148")
    assert names[148:] == ("screen, silver screen (149)", "screen, crt (150)")
    (root / "objectInfo150.txt").write_text("\n".join(lines[:100]))
    with pytest.raises(InputError, match="must name the classes 1 to 150, .* but names 99"):
        load_segmentation(f"ade20k:{root}")


def test_a_limit_draws_the_same_images_again(ade20k):
    root, _ = ade20k
    few, more = (load_segmentation(f"ade20k:{root}?limit={n}", seed=1) for n in (2, 4))
    assert (len(few.train), len(few.test), len(more.train)) == (2, 2, 4)
    assert set(few.train.ids) < set(more.train.ids)
    assert set(more.train.ids) < set(load_segmentation(f"ade20k:{root}").train.ids)
    assert few.about.endswith("; at most 2 images of each split drawn by seed 1")
    others = {load_segmentation(f"ade20k:{root}?limit=2", seed=s).train.ids for s in range(4)}
    assert len(others) > 1
    assert len(load_segmentation(f"ade20k:{root}?limit=99").train) == 6
    for wrong in ("1", "x", "2.5"):
        with pytest.raises(InputError, match="limit of data must be a whole number of at least 2"):
            load_segmentation(f"ade20k:{root}?limit={wrong}")


def test_another_layout(ade20k):
    root, _ = ade20k
    (root / "annotations" / "validation").rename(root / "annotations" / "val")
    with pytest.raises(InputError, match="has no annotations/validation. Check the path"):
        load_segmentation(f"ade20k:{root}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "2\t0.1\tthé".encode("latin-1"),
            "class names .* must be text in UTF-8, but cannot be read",
        ),
        ("²\t0.1\tthing".encode(), "must name the classes 1 to 150, .* but names 149"),
        (b"two\t0.1\tthing", "must name the classes 1 to 150, .* but names 149"),
        (b"2\t0.1\t ", "must name the classes 1 to 150"),
    ],
)
def test_names_that_cannot_be_read(ade20k, line, message):
    root, _ = ade20k
    lines = [f"{i}\t0.1\tthing{i}".encode() for i in range(1, 151)]
    (root / "objectInfo150.txt").write_bytes(b"\n".join([lines[0], line, *lines[2:]]))
    with pytest.raises(InputError, match=message):
        load_segmentation(f"ade20k:{root}")
