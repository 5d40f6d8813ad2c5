"""A look at data of every kind of target, without any model."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from polyscale.errors import InputError
from polyscale.records import Look
from polyscale.studies import look
from polyscale.tasks import get_task
from polyscale.types import silent


def look_at(task, source, **options):
    chosen = get_task(task)
    return look(chosen, chosen.load(source, seed=0, cache=None, progress=silent), **options)


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.bytes)))


@pytest.fixture
def table(image_folder):
    """Textures with two labels, and a number, each."""
    files = sorted(image_folder.rglob("*.png"))
    lines = [
        f"{f},{'' if f.stem == '0' else f.parent.name + ';' + 'odd' * (int(f.stem) % 2)},{f.stem}"
        for f in files
    ]
    path = image_folder.parent / "tags.csv"
    path.write_text("\n".join(["path,labels,number", *lines]))
    return path


def test_classes(image_folder):
    found = look_at("classification", f"folder:{image_folder}")
    assert found.data.classes == dict.fromkeys(("coarse", "fine", "medium"), (8, 4))
    assert found.data.grouped_by == "class"
    shown = [(p.group, p.split) for p in found.pictures]
    assert shown.count(("fine", "train")) == 4
    assert shown.count(("fine", "test")) == 2
    assert {p.caption for p in found.pictures if p.group == "fine"} == {"fine"}
    assert pixels(found.pictures[0]).shape == (64, 80, 3)


def test_retrieval_shows_classes_too(image_folder):
    found = look_at("retrieval", f"folder:{image_folder}")
    assert set(found.data.classes) == {"coarse", "fine", "medium"}
    assert found.pictures[0].caption == "coarse"


def test_labels(table):
    found = look_at("multilabel", f"csv:{table}")
    assert found.data.grouped_by == "label"
    assert set(found.data.classes) == {"coarse", "fine", "medium", "odd", "(no label)"}
    assert sum(found.data.classes["(no label)"]) == 3
    odd = [p for p in found.pictures if p.group == "odd"]
    assert all(p.caption.endswith(", odd") for p in odd)


def test_numbers(table):
    found = look_at("regression", f"csv:{table}")
    assert found.data.grouped_by == "range"
    assert next(iter(found.data.classes)) == "0 to 1.83"
    assert sum(train for train, _ in found.data.classes.values()) == found.data.num_train
    assert sum(test for _, test in found.data.classes.values()) == found.data.num_test
    for picture in found.pictures:
        low, high = map(float, picture.group.split(" to "))
        assert low - 0.01 <= float(picture.caption) <= high + 0.01


def test_masks(pairs_folder):
    found = look_at("segmentation", f"pairs:{pairs_folder}")
    assert found.data.classes == {"0": (12, 6), "1": (12, 6), "2": (12, 6)}
    assert found.data.num_counted == (12, 6)
    train_shares = [train for train, _ in found.data.pixel_shares.values()]
    assert sum(train_shares) == pytest.approx(1)
    assert train_shares[0] > 0.5
    picture = pixels(found.pictures[0]).astype(int)
    assert np.ptp(picture[-1, 0]) > 20  # grey before
    assert np.ptp(picture[0, 40]) < 20  # ignored: as it was


def test_depth(pairs_folder):
    found = look_at("depth", f"pairs:{pairs_folder}")
    assert found.data.classes == {}
    assert len(found.pictures) == 18
    assert found.pictures[0].caption == "1 to 4 m"
    assert np.ptp(pixels(found.pictures[0]).astype(int)[-1, 0]) > 20


def test_pairs_and_suspicious_images_are_shown(image_folder):
    root = image_folder
    shutil.copy(root / "fine" / "3.png", root / "coarse" / "copy.png")
    Image.new("RGB", (64, 64), "red").save(root / "coarse" / "red.png")
    found = look_at("classification", f"folder:{root}")
    named = {p.id: p.split for p in found.pictures if p.group is None}
    report = found.data.report
    pairs = (*report.suspect_pairs, *report.suspicious)
    assert {"coarse/red.png"} < set(named)
    assert len(pairs) >= 2
    assert {image.id: image.split for image in report.suspicious}.items() <= named.items()
    for pair in report.suspect_pairs:
        assert named[pair.test_id] == "test"
        assert named[pair.train_id] == "train"


def test_the_seed_chooses_and_nothing_else(image_folder):
    source = f"folder:{image_folder}"
    ids = [[p.id for p in look_at("classification", source, seed=s).pictures] for s in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]


def test_data_of_another_task_are_refused(image_folder):
    data = get_task("classification").load(
        f"folder:{image_folder}", seed=0, cache=None, progress=silent
    )
    with pytest.raises(InputError, match="must be loaded for depth"):
        look(get_task("depth"), data)


def test_pictures_are_written_and_read(image_folder, tmp_path):
    from polyscale.report.read_gallery import read_sheet

    found = look_at("classification", f"folder:{image_folder}")
    path = tmp_path / "contact_sheet.parquet"
    assert read_sheet(path) == ()
    found.write_pictures(tmp_path)
    assert read_sheet(path) == found.pictures
    Look(data=found.data, pictures=()).write_pictures(tmp_path)
    assert read_sheet(path) == ()
