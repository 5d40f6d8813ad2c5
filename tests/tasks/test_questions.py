"""Questions that a tiny language model learns to answer from tiny models' maps."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image, ImageDraw

pytest.importorskip("transformers")
pytest.importorskip("peft")

from tests.language import tiny_llava
from tests.tiny_study import CANDIDATES, FAST
from transformers import LlamaConfig, LlamaForCausalLM

from polyscale.data import Pictures, Question, QuestionData, Questions
from polyscale.errors import InputError
from polyscale.features import ArrayMaps
from polyscale.language.maps import make_map_llava, projected
from polyscale.language.training.align import align_projector, word_embeddings
from polyscale.report import write_report
from polyscale.studies import plan_compare, run_compare
from polyscale.tasks import QuestionSettings
from polyscale.tasks.questions import learner
from polyscale.tasks.questions.learner import NO_ANSWER, score
from polyscale.tasks.questions.places import Places
from polyscale.tasks.questions.settings import QuestionSplit

OPTIONS = ("The bag is red.", "The bag is blue.")

ASKED = {"colour": "What is the colour of the bag?", "again": "What colour has the bag?"}


def make_split(num, seed):
    """Half of the pictures have a red square and half a blue one; all have two questions."""
    colours = np.arange(num) % 2

    def read(index, min_side=None):
        picture = Image.new("RGB", (80, 64), "white")
        corners = (8, 8, 40, 40)
        ImageDraw.Draw(picture).rectangle(corners, fill=("red", "blue")[colours[index]])
        return picture

    questions = tuple(
        Question(
            id=f"{category}/{seed}-{i}",
            category=category,
            text=text,
            options=OPTIONS[:: 1 if colour == 0 else -1],
            target_objects=("bag",),
            boxes_xywh_px=((8, 8, 32, 32),),
        )
        for i, colour in enumerate(colours)
        for category, text in ASKED.items()
    )
    pictures = Pictures(tuple(f"{seed}-{i}" for i in range(num)), read, f"{seed}-{num}")
    return Questions(questions, pictures, np.repeat(np.arange(num), len(ASKED)))


@pytest.fixture(scope="session")
def data():
    return QuestionData(name="bags", train=make_split(16, 0), test=make_split(12, 1), about="drawn")


@pytest.fixture(scope="session")
def language(tmp_path_factory):
    """A language model of 32 channels and its tokenizer, which does not know `<image>` yet."""
    folder = tmp_path_factory.mktemp("language")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_llava, "SPECIAL", [t for t in tiny_llava.SPECIAL if t != "<image>"])
        tokenizer = tiny_llava.tiny_tokenizer(begins=False, chat_template=tiny_llava.CHATML)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def compare(data, language, models):
    def run(candidates=CANDIDATES, *, cache=None, told=None, **settings):
        options = QuestionSettings(
            **{**FAST, "costs": False, "language": language, "epochs": 1, **settings}
        )
        plan = plan_compare(data, candidates, options)
        return run_compare(plan, cache=cache, **({"progress": told} if told else {}))

    return run


@pytest.fixture(scope="module")
def finished(compare, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return compare(cache=cache, floors=True), cache


def test_a_run_judges_every_question_of_the_test(finished, data):
    run, _ = finished
    (verdict,) = run.verdicts
    assert verdict.s2.scales == (1, 2)
    for row in run.rows:
        assert (row.metric, row.num_test) == ("accuracy", len(data.test))
        scores = run.scores[row.candidate]
        assert row.value == pytest.approx(np.mean(scores.correct))
        assert row.scores["answer_loss"] == pytest.approx(np.mean(scores.columns["answer_loss"]))
        right = np.array(scores.columns["prediction"]) == np.array(scores.columns["label"])
        np.testing.assert_array_equal(right, scores.correct)
        assert row.probe["picture_tokens"] == np.prod(run.plan.backbones[row.backbone].grid_hw)
        assert row.probe["steps"] == len(row.probe["losses"])


def test_a_language_model_that_sees_nothing_answers_at_chance(finished):
    run, _ = finished
    floors = {floor.name: floor for floor in run.floors}
    assert floors["blind"].value == floors["chance"].value == 0.5


def test_a_second_run_trains_nothing_and_finds_the_same(finished, compare):
    first, cache = finished
    steps = []
    again = compare(cache=cache, told=lambda step, *others, **more: steps.append(step))
    assert not any("training:" in step or step.rpartition(": ")[2] == "training" for step in steps)
    for name, scores in first.scores.items():
        np.testing.assert_array_equal(
            scores.columns["answer_loss"], again.scores[name].columns["answer_loss"]
        )


def test_a_killed_training_continues_to_the_same_result(compare, finished, tmp_path, monkeypatch):
    first, _ = finished
    monkeypatch.setattr(learner, "SAVE_EVERY", 1)
    trained = []

    def kill(step, done, total, unit, note=""):
        trained.append((step, done))
        if len(trained) < 100 and step.endswith("training") and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(CANDIDATES[:1], cache=tmp_path, told=kill)
    trained[:] = [("", 0)] * 100  # from now on nothing is killed
    run = compare(CANDIDATES[:1], cache=tmp_path, told=kill)
    steps = [done for step, done in trained if step.endswith("training")]
    assert steps[0] > 1
    before, after = (each.rows[0].probe["losses"] for each in (first, run))
    assert len(after) > 2
    assert after == pytest.approx(before)
    assert run.rows[0].scores == pytest.approx(first.rows[0].scores)


def test_seeds_train_the_language_model_again(compare, finished):
    first, cache = finished
    run = compare(CANDIDATES[:2], cache=cache, seeds=2)
    for row in run.rows:
        assert row.value == first.evaluations[row.candidate].scores.value
        assert len(row.probe["seed_values"]) == 2
        assert row.probe["seed_values"][0] == row.value


def test_what_is_held_out_is_not_learned_from(data):
    split = QuestionSplit.of(data, QuestionSettings())
    assert len(split.held)
    assert len(split.learn)
    assert not set(split.learn.picture_of) & set(split.held.picture_of)
    assert {*split.learn.ids, *split.held.ids} == {*data.train.ids}


def test_what_differs_only_in_wrong_options_is_learned_once(data):
    other = tuple(
        replace(q, id=f"{q.id}-2", options=(*q.options, "No bag.")) for q in data.train.questions
    )
    train = data.train
    twice = Questions(
        (*train.questions, *other), train.pictures, np.concatenate([train.picture_of] * 2)
    )
    split, before = (
        QuestionSplit.of(own, QuestionSettings()) for own in (replace(data, train=twice), data)
    )
    assert split.learn.ids == before.learn.ids
    assert len(split.held) == 2 * len(before.held)


def test_no_option_wins_where_several_are_equally_likely(data):
    some = data.test.take(np.arange(3))
    scores = score(some, [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0)])
    assert scores.correct.tolist() == [True, False, False]
    said = [some.questions[0].options[0], some.questions[1].options[1], NO_ANSWER]
    assert scores.columns["prediction"] == said
    assert scores.value == pytest.approx(1 / 3)


@pytest.mark.usefixtures("no_charts")
def test_the_report_counts_by_category_and_shows_boxes(finished, tmp_path):
    run, _ = finished
    run.save(tmp_path)
    page = write_report(tmp_path).read_text()
    assert "Kinds of questions" in page
    for category in ASKED:
        assert f'data-class="{category}"' in page
    rows = pq.read_table(tmp_path / "answers.parquet").to_pandas()
    assert set(rows["category"]) == {*ASKED}
    assert f"{ASKED['colour']} {OPTIONS[0]}" in page or not len(run.gallery)


@pytest.mark.usefixtures("no_charts")
def test_the_report_counts_each_relation_that_a_category_asks_for(finished, tmp_path):
    finished[0].save(tmp_path)
    rows = pq.read_table(tmp_path / "answers.parquet").to_pandas()
    relations = np.where(rows["id"].str.endswith(("1", "2")), "nearer or farther", "left or right")
    rows["question"] = np.where(rows["category"] == "again", "Is it " + relations, rows["question"])
    rows.to_parquet(tmp_path / "answers.parquet")
    page = write_report(tmp_path).read_text()
    for relation in ("nearer or farther", "left or right"):
        own = rows[rows["question"].str.endswith(relation)]
        for name, answers in own.groupby("candidate"):
            right = answers["correct"].sum()
            shown = f'data-value="{right}" data-right="again: {relation}" data-of="{name}"'
            assert f"{shown}>{right}</data> of {len(answers)}<small>" in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, but got 0"),
        ({"rate": 2.0}, "rate must be above 0 and below 1, but got 2.0"),
        ({"held_out": 0.9}, "held_out must be above 0 and at most 0.5, but got 0.9"),
    ],
)
def test_settings_must_follow_their_rules(wrong, message):
    with pytest.raises(InputError, match=message):
        QuestionSettings(**wrong)


def test_questions_without_any_to_learn_from_are_refused(data, language):
    none = replace(data, train=data.train.take(np.zeros(0, np.int64)))
    with pytest.raises(InputError, match="must have training questions about at least two"):
        plan_compare(none, CANDIDATES, QuestionSettings(language=language))


def test_a_box_stands_in_the_cells_that_it_covers(data):
    places = Places.of(data.train, (4, 5))
    assert places.names == ("room", "bag")
    assert places.pictures.tolist() == [*range(16)]
    # of 80 × 64 px, cells of 16 px: the square covers one, half of four, a quarter of four
    expected = np.zeros((4, 5))
    expected[1, :3] = expected[:3, 1] = 1
    np.testing.assert_array_equal(places.cells[0].reshape(4, 5), expected)
    without = tuple(replace(question, boxes_xywh_px=()) for question in data.train.questions)
    assert Places.of(replace(data.train, questions=without), (4, 5)) is None


def test_a_projector_learns_the_words_of_what_is_there(language):
    llava, processor = make_map_llava(channels=3, language=language)
    maps = np.eye(3, dtype=np.float32)[np.array([[0, 1], [2, 0], [1, 2]] * 1000)][:, None]
    cells = maps.argmax(-1).reshape(len(maps), 2)
    names = ("room", "bag", "red")
    align_projector(llava, processor, ArrayMaps(maps), np.arange(3000), cells, names, seed=0)
    words = word_embeddings(llava, processor, names)
    mapped = projected(llava, maps[:3])
    nearest = torch.cdist(mapped, words[None]).argmin(-1)
    np.testing.assert_array_equal(nearest, cells[:3])


def test_candidates_can_be_judged_by_the_loss_of_the_right_answer(compare, finished):
    first, cache = finished
    run = compare(CANDIDATES[:2], cache=cache, metric="answer_loss")
    for row in run.rows:
        before = first.evaluations[row.candidate].scores
        assert (row.metric, row.higher_is_better) == ("answer_loss", False)
        assert row.value == pytest.approx(before.others["answer_loss"])
        assert row.scores["accuracy"] == pytest.approx(before.value)
