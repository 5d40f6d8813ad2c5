"""LLaVA's JSON and questions, and what is refused before any model runs."""

import json

import numpy as np
import pytest
from PIL import Image

from polyscale.data import Pictures, Question, Questions
from polyscale.errors import InputError
from polyscale.language.prompts import IMAGE, Turn
from polyscale.language.training import from_questions, load_conversations, read_llava_json

ENTRY = {
    "id": "a",
    "image": "a.png",
    "conversations": [
        {"from": "human", "value": "What is\nthis?\n<image>"},
        {"from": "gpt", "value": "A bag."},
    ],
}


@pytest.fixture
def write(tmp_path):
    Image.new("RGB", (8, 6), (250, 0, 0)).save(tmp_path / "a.png")

    def write_json(content):
        file = tmp_path / "data.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return file

    return write_json


def said(*pairs):
    return [{"from": speaker, "value": value} for speaker, value in pairs]


def test_the_picture_comes_before_its_question(write):
    data = read_llava_json(write([ENTRY, ENTRY | {"id": 7}]), None)
    assert [each.name for each in data.entries] == ["a", "7"]
    assert data.entries[0].turns == (Turn(f"{IMAGE}\nWhat is\nthis?", "A bag."),)
    assert len(data.pictures) == 1
    assert data.pictures.read(0).getpixel((0, 0)) == (250, 0, 0)


def test_texts_without_a_picture_and_entries_with_several(write):
    alone = {"conversations": said(("human", "Who?"), ("gpt", "I."))}
    two = ENTRY | {
        "image": ["a.png", "a.png"],
        "conversations": said(("human", "<image> or <image>?"), ("gpt", "Both.")),
    }
    entries = read_llava_json(write([alone, two]), None).entries
    assert [each.pictures for each in entries] == [(), (0, 0)]
    assert entries[1].turns[0].question == "<image> or <image>?"


def test_the_fingerprint_of_pictures_follows_the_files(write, tmp_path):
    file = write([ENTRY])
    before = read_llava_json(file, None).pictures.fingerprint
    assert read_llava_json(file, None).pictures.fingerprint == before
    Image.new("RGB", (8, 7)).save(tmp_path / "a.png")
    assert read_llava_json(file, None).pictures.fingerprint != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be a list of conversations in LLaVA's format, but .* cannot be read as JSON"),
        ({}, "but .* holds dict"),
        ([3], r"entry 0 \('0'\) is not one"),
        ([ENTRY | {"conversations": []}], r"entry 0 \('a'\) is not one"),
        ([ENTRY, ENTRY | {"conversations": ENTRY["conversations"][:1]}], "entry 1"),
        ([ENTRY | {"conversations": said(("gpt", "a"), ("human", "b"))}], "turns of human and gpt"),
        ([ENTRY | {"image": 3}], "`image` a name"),
        ([ENTRY | {"image": "b.png"}], r"'b.png' is not there \(1 of 1 are missing\)"),
        ([ENTRY | {"image": None}], r"one <image> for each of its pictures, but has 1 and 0"),
        ([ENTRY | {"image": ["a.png", "a.png"]}], "but has 1 and 2 pictures"),
        ([ENTRY | {"conversations": said(("human", "<image>"), ("gpt", " "))}], "lacks one"),
        ([ENTRY | {"conversations": said(("human", "\ud800"), ("gpt", "a"))}], "turns of human"),
        ([], "must hold conversations, but holds none"),
    ],
)
def test_what_is_refused(write, content, message):
    with pytest.raises(InputError, match=message):
        load_conversations(str(write(content)))


def test_the_right_option_is_the_answer():
    picture = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    pictures = Pictures(("p", "q"), lambda index, min_side=None: picture, "print")
    questions = tuple(
        Question(id=name, category="c", text="Where?", options=("Here.", "There."))
        for name in ("x", "y", "z")
    )
    data = from_questions("mine", Questions(questions, pictures, np.array([1, 0, 1])))
    assert [each.pictures for each in data.entries] == [(1,), (0,), (1,)]
    assert {each.turns for each in data.entries} == {(Turn(f"{IMAGE}\nWhere?", "Here."),)}
    assert data.pictures is pictures


def test_needles_are_known_by_name():
    data = load_conversations("needles")
    assert len(data) > len(data.pictures) > 100
    with pytest.raises(InputError, match="images must be left out for questions"):
        load_conversations("needles", images="somewhere")
