"""The embedded questions are right, and cannot be answered without their pictures."""

import hashlib
import math
from collections import Counter, defaultdict
from fractions import Fraction
from importlib.resources import files

import numpy as np
import pytest

from polyscale.data import load_depth, load_questions, load_rooms, write_questions
from polyscale.stats import accuracy_intervals

FOLDER = files("polyscale.data") / "needles"
KINDS = {"painting": "picture"}  # what questions call a class of `rooms`
SPLITS = ("train", "test")


@pytest.fixture(scope="module")
def needles():
    return load_questions("needles")


def test_counts_and_size(needles):
    assert len(needles.train) >= 4000
    assert 400 <= len(needles.test) <= 800
    assert needles.categories == ("direct_attributes", "relative_position")
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 3e6
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_pictures_are_those_of_rooms(needles):
    rooms = load_rooms()
    for split in SPLITS:
        ours, theirs = getattr(needles, split), getattr(rooms, split)
        assert (ours.pictures.ids, ours.pictures.fingerprint) == (theirs.ids, theirs.fingerprint)
        index = len(ours) // 2
        np.testing.assert_array_equal(ours.read(index), theirs.read(int(ours.picture_of[index])))
        names = (name.partition("/")[2].rpartition("_")[0] for name in ours.ids)
        assert list(names) == [theirs.ids[i] for i in ours.picture_of]
        assert len(set(ours.ids)) == len(ours)
    assert not set(needles.train.pictures.ids) & set(needles.test.pictures.ids)


@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_right(needles, rooms_segmentation, split):
    """All test questions, and those about every twelfth training picture."""
    questions, names = getattr(needles, split), rooms_segmentation.class_names
    masks, depths = getattr(rooms_segmentation, split), getattr(load_depth("rooms"), split)
    by_picture = defaultdict(list)
    for question, picture in zip(questions.questions, questions.picture_of, strict=True):
        by_picture[int(picture)].append(question)
    for picture in range(0, len(masks), 1 if split == "test" else 12):
        mask, depth_m = masks.target(picture), depths.target(picture)
        present = {names[c] for c in np.unique(mask)}
        for question in by_picture[picture]:
            seen = [
                _pixels(mask, names.index(KINDS.get(name, name)), box)
                for name, box in zip(question.target_objects, question.boxes_xywh_px, strict=True)
            ]
            if question.category == "direct_attributes":
                kinds = [option.split()[3] for option in question.options]
                assert [kind in present for kind in kinds] == [True, False, False, False]
                assert kinds[0] == question.target_objects[0]
            else:
                assert question.options[0] == _relation(question, seen, depth_m)


def _pixels(mask, kind, box):
    """Where an object is: nearly all pixels of its kind, which reach to all sides of its box."""
    x, y, w, h = (int(edge) for edge in box)
    inside = np.zeros(mask.shape, bool)
    inside[y : y + h, x : x + w] = mask[y : y + h, x : x + w] == kind
    assert inside.sum() >= 0.9 * (mask == kind).sum()
    rows, columns = np.nonzero(inside)
    assert (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1) == (x, y, w, h)
    return inside


def _relation(question, seen, depth_m):
    first, second = question.target_objects
    if "side" in question.text:
        columns = [np.nonzero(pixels)[1] for pixels in seen]
        side = "left" if columns[0].max() < columns[1].min() else "right"
        assert side == "left" or columns[1].max() < columns[0].min()
        return f"The {first} is on the {side} side of the {second}."
    near, far = (float(np.median(depth_m[pixels])) for pixels in seen)
    assert max(near, far) > 1.05 * min(near, far)
    return f"The {first} is {'nearer' if near < far else 'farther'} than the {second}."


def groups(questions):
    """Questions that nobody can tell apart without the picture."""
    found = defaultdict(list)
    for question in questions:
        found[question.text, frozenset(question.options)].append(question)
    return found.values()


@pytest.mark.parametrize("split", SPLITS)
def test_every_option_is_right_equally_often_wherever_it_stands(needles, split):
    for group in groups(getattr(needles, split).questions):
        options = group[0].options
        places = Counter((option, i) for q in group for i, option in enumerate(q.options))
        assert len(group) % len(options) == 0
        assert set(places.values()) == {len(group) // len(options)}
        assert len(places) == len(options) ** 2


GUESSERS = {
    "how often an option was right among these": lambda seen, q, o: seen["whole", key(q), o],
    "how often an option was right": lambda seen, q, o: seen["option", o],
    "words of right options": lambda seen, q, o: sum(
        math.log(seen["word", w, True] + 1) - math.log(seen["word", w, False] + 1)
        for w in o.split()
    ),
    "the longest": lambda seen, q, o: len(o),
    "the shortest": lambda seen, q, o: -len(o),
    "the last in the alphabet": lambda seen, q, o: o,
}


def key(question):
    return question.text, frozenset(question.options)


def counted(questions):
    """What can be learned from answers."""
    seen = Counter()
    for q in questions:
        seen["whole", key(q), q.options[0]] += 1
        seen["option", q.options[0]] += 1
        for option in q.options:
            seen.update(("word", word, option == q.options[0]) for word in option.split())
    return seen


def share_right(guess, questions):
    """Expected share of right answers of a guesser that draws among its best options."""
    total = Fraction(0)
    for q in questions:
        scores = [guess(q, option) for option in q.options]
        total += Fraction(int(scores[0] == max(scores)), scores.count(max(scores)))
    return total / len(questions)


@pytest.mark.parametrize("category", ["direct_attributes", "relative_position"])
@pytest.mark.parametrize("taught_by", SPLITS)
@pytest.mark.parametrize("guesser", GUESSERS)
def test_blind_guessers_are_at_chance(needles, guesser, taught_by, category):
    """Even those that have seen the answers of the test split."""
    seen = counted(getattr(needles, taught_by).questions)
    questions = [q for q in needles.test.questions if q.category == category]
    right = share_right(lambda q, o: GUESSERS[guesser](seen, q, o), questions)
    chance = Fraction(1, len(questions[0].options))
    assert right == chance
    correct = np.arange(len(questions)) < round(right * len(questions))
    ((low, high),) = accuracy_intervals({"blind": correct}).values()
    assert low <= chance <= high


def test_a_guesser_that_sees_is_not_at_chance(needles):
    """The same measure, so that the test above can fail."""
    questions = needles.test.questions
    assert share_right(lambda q, o: o == q.options[0], questions) == 1


def test_layout_of_v_star(needles, tmp_path):
    few = needles.test.take(np.array([0, 7, 400]))
    write_questions(few, tmp_path / "vstar")
    again = load_questions(f"folder:{tmp_path / 'vstar'}").test
    assert set(again.questions) == set(few.questions)


def test_limit():
    data = load_questions("needles?limit=30", seed=1)
    assert (data.name, len(data.train), len(data.test)) == ("needles?limit=30", 30, 30)
    assert len(data.train.pictures) <= 30
