"""Hard examples: what is found in features of which it is known, and in a run of tiny models."""

import csv
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.tiny_study import CANDIDATES, LARGE, SMALL

from polyscale.data import ClassificationData, LabelledImages
from polyscale.errors import InputError
from polyscale.records import HardExamples, HardImage, read_json
from polyscale.stats import UNUSUAL
from polyscale.studies.compare.hard import NUM_HALVINGS, find_hard
from polyscale.studies.compare.trio import Trio
from polyscale.tasks import Classification, ClassificationSettings
from polyscale.types import Candidate, silent

NUM, DIM = 160, 6
TRIO = Trio(
    family="net",
    base=Candidate(SMALL, (1,)),
    s2=Candidate(SMALL, (1, 2)),
    larger=Candidate(LARGE, (1,)),
)
HARD = np.arange(0, 20)
"""Test images on which the features of the small model are those of another class."""


def images(split):
    labels = np.arange(NUM) % 2

    def read(index, min_side=None):
        return Image.new("RGB", (8, 6))

    return LabelledImages(tuple(f"{split}/{i}.png" for i in range(NUM)), labels, read, split)


@dataclass(frozen=True)
class Plan:
    """As much of a plan as hard examples need."""

    data: ClassificationData
    task: Classification
    settings: ClassificationSettings


@dataclass(frozen=True)
class Case:
    candidate: Candidate
    train: np.ndarray
    test: np.ndarray
    data: ClassificationData
    settings: ClassificationSettings
    progress = staticmethod(silent)


def find(features, seed=0):
    """Hard examples of features: (split, candidate) → rows."""
    data = ClassificationData(
        name="made up",
        train=images("train"),
        test=images("test"),
        about="made up",
        class_names=("cat", "dog"),
    )
    plan = Plan(data, Classification(), ClassificationSettings(seed=seed, device="cpu"))

    def case_of(candidate):
        return Case(candidate, *features(candidate), data, plan.settings)

    (examples,) = find_hard(plan, [TRIO], case_of)
    return examples


def signal(rng, labels, noise=0.5):
    """Features whose first column tells the class."""
    rows = rng.normal(0, noise, (NUM, DIM))
    rows[:, 0] += 2 * labels - 1
    return rows.astype(np.float32)


def planted(candidate):
    """The small model is wrong about the hard images at any scale; they look like no other."""
    rng = np.random.default_rng(hash(candidate.scales) % 100 + len(candidate.backbone))
    labels = np.arange(NUM) % 2
    seen = labels.copy()
    if candidate.backbone == SMALL:
        seen[HARD] = 1 - seen[HARD]
    train, test = signal(rng, labels), signal(rng, seen)
    if candidate.backbone == SMALL:
        test[HARD, 1] += 4
    return train, test


def test_planted_images_are_found_and_look_rare():
    examples = find(planted)
    assert examples.is_found
    assert examples.gain.value > 0.5
    ids = {image.id for image in examples.images}
    assert ids <= {f"test/{i}.png" for i in HARD}
    assert len(ids) >= 10
    first = examples.images[0]
    assert first.larger_prediction == first.label != first.base_prediction
    assert first.larger_probability > first.base_probability
    assert all(image.times_found >= NUM_HALVINGS for image in examples.images)
    assert all(image.rare and image.rarity >= UNUSUAL for image in examples.images)
    assert examples.rare.share_of_gain > 0.9
    assert examples.rare.share_of_images == pytest.approx(len(HARD) / NUM, abs=0.12)


def test_easy_images_are_of_the_class_and_no_search_finds_them():
    examples = find(planted)
    hard = {f"test/{i}.png" for i in HARD}
    for image in examples.images:
        assert len(image.easy) == len(set(image.easy)) == 2
        assert not set(image.easy) & hard
        parity = {"cat": 0, "dog": 1}[image.label]
        assert all(int(id_[5:-4]) % 2 == parity for id_ in image.easy)


@pytest.mark.parametrize("seed", range(3))
def test_in_features_that_tell_nothing_no_images_are_found(seed):
    def features(candidate):
        rng = np.random.default_rng(1000 * seed + 10 * len(candidate.scales) + len(str(candidate)))
        return tuple(rng.normal(size=(2, NUM, DIM)).astype(np.float32))

    examples = find(features, seed)
    assert not examples.is_found
    assert (examples.images, examples.rare, examples.ambiguous) == ((), None, None)


def test_the_same_features_gain_nothing_over_themselves():
    rng = np.random.default_rng(0)
    labels = np.arange(NUM) % 2
    rows = signal(rng, labels), signal(rng, labels)
    examples = find(lambda candidate: rows)
    assert (examples.gain.value, examples.gain.ci_low, examples.gain.ci_high) == (0, 0, 0)
    assert not examples.is_found


def test_a_gain_of_several_scales_is_no_gain_of_the_larger_model():
    def turned(candidate):
        swapped = {TRIO.s2: TRIO.larger, TRIO.larger: TRIO.s2}
        return planted(swapped.get(candidate, candidate))

    examples = find(turned)
    assert not examples.is_found
    assert examples.s2_gain.ci_low > 0


@pytest.fixture
def hard(study):
    """A study of hard examples; the images of these models say nothing, so all is shown."""
    return replace(study, settings={"hard": True})


def test_a_run_writes_its_hard_examples(hard, tmp_path, monkeypatch):
    monkeypatch.setattr(HardExamples, "is_found", True)  # whatever chance says of 12 images
    comparison = hard()
    (examples,) = comparison.hard
    assert [examples.base, examples.s2, examples.larger] == CANDIDATES
    assert (examples.num_test, examples.num_halvings) == (12, NUM_HALVINGS)
    comparison.save(tmp_path)
    assert "hard.json" in comparison.plan.files
    assert read_json(tmp_path / "hard.json", tuple[HardExamples, ...]) == comparison.hard
    rows = list(csv.DictReader((tmp_path / "hard.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == [image.id for image in examples.images]
    assert list(rows[0] if rows else HardImage.__annotations__)[-1] == "easy"
    shown = pq.read_table(tmp_path / "hard.parquet")["id"].to_pylist()
    assert set(shown) == {i for image in examples.images for i in (image.id, *image.easy)}


def test_no_model_runs_for_hard_examples(hard, study):
    with_hard, plain = hard(), study()
    assert with_hard.timing.num_tiles == plain.timing.num_tiles
    assert [row.value for row in with_hard.rows] == [row.value for row in plain.rows]
    assert plain.hard is None
    assert with_hard.timing.stages["hard examples"] > 0


def test_a_failed_candidate_leaves_no_trio_but_the_run_goes_on(hard):
    def forward(tiles):
        raise ValueError("broken")

    hard.models[LARGE].forward = forward
    assert hard().hard == ()


@pytest.mark.parametrize(
    "candidates",
    [
        [f"{SMALL}@1", f"{SMALL}@1,2"],
        [f"{SMALL}@1,2", f"{LARGE}@1"],
        [f"{SMALL}@1", f"{LARGE}@1"],
        [f"{SMALL}@1", f"{LARGE}@1", f"{LARGE}@1,2"],
    ],
)
def test_candidates_without_a_trio_are_refused_before_any_model_runs(hard, candidates):
    def forward(tiles):
        raise AssertionError("no model may run")

    for model in hard.models.values():
        model.forward = forward
    with pytest.raises(InputError, match="candidates must hold, for hard examples, three of one"):
        hard(candidates)


def test_classes_too_small_for_halves_are_refused(hard, image_folder):
    for i in range(4, 12):
        (image_folder / "fine" / f"{i}.png").unlink()
    with pytest.raises(InputError, match="at least 4 training images of each class.*'fine'"):
        hard()


def test_why_asks_for_hard_examples():
    assert "hard" in Classification().addons(ClassificationSettings(why=True))
    assert "hard" not in Classification().addons(ClassificationSettings())
