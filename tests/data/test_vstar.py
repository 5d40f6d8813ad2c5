"""Folders in the layout of V* bench: what is read, what is refused, and what is written."""

import json

import numpy as np
import pytest
from PIL import Image

from polyscale.data import load_questions, write_questions
from polyscale.errors import InputError

ATTRIBUTE = {
    "target_object": ["flag"],
    "bbox": [[10, 20, 5, 8]],
    "question": "What is the color of the flag?",
    "options": [f"The color of the flag is {color}." for color in ("red", "blue", "white", "pink")],
}
POSITION = {
    "target_object": ["dog", "gate"],
    "bbox": [[1, 2, 30, 10], [50, 0, 14, 48]],
    "question": "Is the dog on the left or right side of the gate?",
    "options": ["The dog is on the left side of the gate.", "The dog is on the right side."],
}


def add(folder, name, content, *, picture=".jpg", size=(64, 48)):
    file = folder / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    if picture:
        pixels = np.random.default_rng(len(name)).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size).save(folder / f"{name}{picture}")
    return file


@pytest.fixture
def bench(tmp_path):
    folder = tmp_path / "vstar"
    add(folder, "direct_attributes/sa_2", ATTRIBUTE)
    add(folder, "direct_attributes/sa_1", ATTRIBUTE, picture=".png")
    add(folder, "relative_position/sa_3", POSITION)
    (folder / "test_questions.jsonl").write_text("{}\n")
    (folder / "about.json").write_text("{}")
    return folder


def test_original_layout(bench):
    data = load_questions(f"folder:{bench}")
    assert (len(data.train), len(data.test)) == (0, 3)
    assert data.test.ids == (
        "direct_attributes/sa_1",
        "direct_attributes/sa_2",
        "relative_position/sa_3",
    )
    assert data.categories == ("direct_attributes", "relative_position")
    assert data.test.in_category("relative_position").tolist() == [2]
    question = data.test.questions[2]
    assert question.text == POSITION["question"]
    assert list(question.options) == POSITION["options"]
    assert question.target_objects == ("dog", "gate")
    assert question.boxes_xywh_px == ((1, 2, 30, 10), (50, 0, 14, 48))
    assert data.test.read(2).size == (64, 48)
    assert data.report.sizes.median_hw == (48, 64)


def test_a_path_alone_is_a_folder(bench):
    named, bare = load_questions(f"folder:{bench}"), load_questions(str(bench))
    assert named.test.questions == bare.test.questions
    assert named.test.fingerprint == bare.test.fingerprint


def test_splits(tmp_path):
    add(tmp_path, "train/direct_attributes/a", ATTRIBUTE)
    add(tmp_path, "val/direct_attributes/a", ATTRIBUTE, picture=".png")
    data = load_questions(str(tmp_path))
    assert (len(data.train), len(data.test)) == (1, 1)
    assert data.train.ids == data.test.ids == ("direct_attributes/a",)
    assert data.about == "the data's own train and val"


def test_a_split_folder_alone_is_what_it_is_called(tmp_path):
    add(tmp_path / "one", "test/direct_attributes/a", ATTRIBUTE)
    assert len(load_questions(str(tmp_path / "one")).test) == 1
    add(tmp_path / "two", "train/direct_attributes/a", ATTRIBUTE)
    with pytest.raises(InputError, match="has no test images"):
        load_questions(str(tmp_path / "two"))


def test_fingerprints_change_with_what_they_are_of(bench):
    before = load_questions(str(bench)).test
    add(bench, "direct_attributes/sa_1", ATTRIBUTE | {"question": "Which?"}, picture=".png")
    asked = load_questions(str(bench)).test
    assert asked.fingerprint == before.fingerprint
    assert asked.target_fingerprint != before.target_fingerprint
    add(bench, "direct_attributes/sa_1", ATTRIBUTE, picture=".png", size=(65, 48))
    seen = load_questions(str(bench)).test
    assert seen.fingerprint != before.fingerprint
    assert seen.target_fingerprint == before.target_fingerprint


def test_taking_questions_takes_their_pictures(bench):
    test = load_questions(str(bench)).test
    taken = test.take(np.array([2, 0]))
    assert taken.ids == (test.ids[2], test.ids[0])
    np.testing.assert_array_equal(taken.read(0), test.read(2))
    assert set(taken.pictures.ids) == {test.pictures.ids[0], test.pictures.ids[2]}


def test_limit(bench):
    data = load_questions(f"{bench}?limit=2")
    assert len(data.test) == len(data.test.pictures) == 2
    assert data.about.endswith("at most 2 questions of each split drawn by seed 0")


def test_what_is_written_is_read_again(bench, tmp_path):
    data = load_questions(str(bench))
    write_questions(data.test, tmp_path / "copy")
    again = load_questions(str(tmp_path / "copy"))
    assert again.test.questions == data.test.questions
    for index in range(3):
        difference = np.asarray(again.test.read(index), float) - np.asarray(data.test.read(index))
        assert np.abs(difference).mean() < 3
    with pytest.raises(InputError, match="folder must be new or empty"):
        write_questions(data.test, tmp_path / "copy")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("{", "must be JSON, but is not"),
        ("[" * 100_000, "must be JSON, but is not"),
        ("[]", "must have `question`, a text"),
        (ATTRIBUTE | {"question": " "}, "must have `question`"),
        (POSITION | {"options": []}, "must have `options`, a list of at least two different"),
        (POSITION | {"options": ["Yes."]}, "must have `options`"),
        (POSITION | {"options": ["Yes.", "Yes."]}, "must have `options`"),
        (POSITION | {"options": ["Yes.", 3]}, "must have `options`"),
        (POSITION | {"options": ["Yes.", "Yes. "]}, "must have `options`"),
        (POSITION | {"options": ["Yes.", "half a character \ud800"]}, "must have `options`"),
        ({"question": "Which?"}, "must have `options`"),
        (ATTRIBUTE | {"target_object": "flag"}, "in `target_object` a list of texts"),
        (ATTRIBUTE | {"bbox": [10, 20, 5, 8]}, "in `bbox` a list of boxes"),
        (ATTRIBUTE | {"bbox": [[10, 20, 5]]}, "in `bbox` a list of boxes"),
        (ATTRIBUTE | {"bbox": [[10, 20, 0, 8]]}, "in `bbox` a list of boxes"),
        (ATTRIBUTE | {"bbox": [[10, 20, float("nan"), 8]]}, "in `bbox` a list of boxes"),
        (ATTRIBUTE | {"bbox": [[10, 20, 10**400, 8]]}, "in `bbox` a list of boxes"),
        (ATTRIBUTE | {"bbox": [[60, 20, 10, 8]]}, r"must have boxes within its picture \(64×48 px"),
        (ATTRIBUTE | {"bbox": [[-3, 20, 10, 8]]}, "must have boxes within its picture"),
    ],
)
def test_broken_questions_are_named(bench, content, rule):
    add(bench, "direct_attributes/sa_1", content, picture="")
    with pytest.raises(InputError, match=rule) as raised:
        load_questions(str(bench))
    assert "direct_attributes/sa_1.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_files_are_named(bench):
    (bench / "direct_attributes" / "sa_2.jpg").unlink()
    with pytest.raises(InputError, match=r"question .*sa_2\.json' must have a picture"):
        load_questions(str(bench))
    (bench / "direct_attributes" / "sa_2.json").unlink()
    (bench / "relative_position" / "sa_3.json").unlink()
    with pytest.raises(InputError, match=r"picture .*sa_3\.jpg' must have a question"):
        load_questions(str(bench))


def test_a_name_is_used_once(bench):
    add(bench, "direct_attributes/sa_1", ATTRIBUTE, picture=".jpg")
    with pytest.raises(InputError, match=r"must be the only one of its name, but 'sa_1\.jpg'"):
        load_questions(str(bench))


def test_a_broken_picture_is_named(bench):
    picture = bench / "direct_attributes" / "sa_2.jpg"
    picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(InputError, match=r"image .*sa_2\.jpg cannot be read"):
        load_questions(str(bench))


@pytest.mark.parametrize("source", ["{}", "folder:{}"])
def test_folders_without_questions(tmp_path, source):
    with pytest.raises(InputError, match="must hold questions, but holds none"):
        load_questions(source.format(tmp_path))
    with pytest.raises(InputError, match="must be needles or a folder .* Check the path"):
        load_questions(source.format(tmp_path / "nowhere"))


def test_a_name_that_is_nearly_right():
    with pytest.raises(InputError, match=r"but got 'needle'\. Did you mean 'needles'\?"):
        load_questions("needle")
