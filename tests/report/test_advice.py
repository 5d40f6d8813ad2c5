import re
import shlex
from dataclasses import replace

import pytest
from tests.report.conftest import Page
from tests.synthetic_run import LARGE, MORE, OUTCOMES, S2, SMALL, Case, make_run, same

from polyscale.records import DataRecord
from polyscale.report import words
from polyscale.report.advice import CONFIG, advice_text
from polyscale.report.numbers import NBSP
from polyscale.report.page import render_page

SMALL_COSTS = "lite0 at scale 1 (0.400 G multiply-adds an image)"
HEADS = {
    "one_scale": f"Take {SMALL_COSTS}: nothing that costs more does better. The test images "
    "confirm it.",
    "several_scales": "Take lite0 at scales 1, 2 (2.00 G multiply-adds an image): several scales "
    "are worth what they cost. The test images confirm it.",
    "larger_model": "Take lite1 at scale 1 (0.900 G multiply-adds an image): the larger model is "
    "worth what it costs. The test images confirm it.",
    "scales_hurt": f"Take {SMALL_COSTS}: one scale does better than several. The test images "
    "confirm it.",
    "saturated": f"Take {SMALL_COSTS}: the test images leave nothing to gain. No other candidate "
    "could be better by more than 0.5 points.",
    "no_better_than_floor": f"Take none of these yet: {SMALL_COSTS} is not shown to be better than "
    "“most frequent class”, which needs no vision model.",
    "useful_but_not_chosen": f"None can be recommended yet: the training images choose "
    f"{SMALL_COSTS}, which is not shown to be better than “most frequent class”, which needs no "
    "vision model. Shown to be better than every such answer: lite0 at scales 1, 2.",
    "undecided": f"For now, take {SMALL_COSTS}: the test images can’t tell whether lite0 at scales "
    "1, 2 is better.",
    "likely": f"Take {SMALL_COSTS}: nothing that costs more is shown to do better. The test images "
    "agree, but lite0 at scales 1, 2 may still be better by up to 3.8 points.",
    "contradiction": "For now, take lite1 at scale 1 (0.900 G multiply-adds an image): training "
    "images and test images disagree on whether lite0 at scales 1, 2 is better.",
}
CASES = {**OUTCOMES, **MORE}


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


@pytest.fixture(scope="module")
def made():
    return {name: make_run(case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", HEADS)
def test_the_first_line_says_what_to_take_its_cost_and_how_sure(made, name):
    assert plain(words.plain_answers(made[name])[0]) == HEADS[name]


@pytest.mark.parametrize("name", CASES)
def test_every_outcome_is_a_page_without_contradiction_or_false_precision(made, name, no_charts):
    run = made[name]
    page = Page(render_page(run))
    text = plain(re.sub(r"\s+", " ", page.text))
    for line in words.plain_answers(run):
        assert plain(line) in text
    assert "0.0 to 0.0" not in text
    for number in re.findall(r"About ([\d,]+) more test images", text):
        assert len(number.replace(",", "").rstrip("0")) <= 2
    for sentence in re.split(r"<li", page.html):
        assert not ("would not settle it" in sentence and "would settle it" in sentence)
    sure = run.recommendation is not None and run.recommendation.certainty == "sure"
    assert not (sure and "can’t tell whether" in text)


def test_each_candidate_is_compared_once(made):
    for name in HEADS:
        reasons = plain(" ".join(advice_text(made[name]).reasons))
        for model in ("lite1 at scale 1,", "lite0 at scales 1, 2,"):
            assert reasons.count(f"Against {model}") <= 1


def test_a_single_candidate_has_no_advice(made):
    assert advice_text(made["single"]) is None
    assert plain(words.plain_answers(made["single"])[0]).startswith("On d, lite0 at scale 1 is ")


def test_what_is_open_is_told_with_its_interval_and_the_images_it_takes(made):
    told = advice_text(made["undecided"])
    assert "lite0 at scales 1, 2 against lite0 at scale 1: +5.8 points" in plain(told.reasons[1])
    assert told.next_step == (
        "About 150 more test images would settle it, if the true values are those measured here."
    )


def test_what_to_run_next_is_a_command(made, tmp_path):
    folder = tmp_path / "a run"
    folder.mkdir()
    run = replace(sampled(made["undecided"]), folder=str(folder))
    assert advice_text(run).command == ""  # nothing tells the options of the run
    (folder / CONFIG).touch()
    command = shlex.split(advice_text(run).command)
    assert command[:4] == ["polyscale", "compare", "--config", str(folder / CONFIG)]
    assert command[4:6] == ["--out", f"{folder}-next"]
    needed = run.recommendation.num_test_needed
    assert command[6:] == ["--limit", str(needed), "--candidates", SMALL, S2]
    assert f"To find out, run: {advice_text(run).command}" in words.plain_answers(run)


def test_no_command_repeats_a_run_on_the_same_images(made, tmp_path):
    (tmp_path / CONFIG).touch()
    run = replace(made["undecided"], folder=str(tmp_path))
    assert advice_text(run).command == ""  # all images were used
    assert advice_text(sampled(run, 10_000)).command == ""  # as here, where the limit was too high


@pytest.mark.parametrize(("further", "told"), [(40, "only 40 more. If these"), (0, "no more, so")])
def test_no_more_images_are_asked_for_than_there_are(made, tmp_path, further, told):
    (tmp_path / CONFIG).touch()
    run = replace(sampled(made["undecided"]), folder=str(tmp_path))
    there = run.results[0].num_test + further
    data = DataRecord(name="d", about="", num_train=9, num_test=9, num_unlimited=there)
    advice = advice_text(replace(run, data=data))
    assert f"The data have {told}" in advice.next_step
    assert (f"--limit {there}" in advice.command) == bool(further)


def sampled(run, limit=None):
    """The run, on a sample that its limit cut."""
    rows = [replace(row, data=f"d?limit={limit or row.num_test}") for row in run.rows.values()]
    return replace(run, results=tuple(rows))


def test_scales_that_were_not_tried_are_named(tmp_path):
    run = make_run(Case({SMALL: same(0.7), LARGE: same(0.9)}))
    assert plain(advice_text(run).next_step) == "Not tried yet: lite1 at scales 1, 2."
    (tmp_path / CONFIG).touch()
    command = advice_text(replace(run, folder=str(tmp_path))).command
    assert command.endswith("--candidates pip:lite1@1 pip:lite1@1,2")


def test_an_open_question_says_what_its_corrected_test_says(made):
    clear = []
    for run in made.values():
        question = run.recommendation and run.recommendation.open_question
        if question is None or question.ci_low <= 0 <= question.ci_high:
            continue
        confirmed = question.p_holm < 0.05
        said = "confirms" if confirmed else "does not confirm"
        assert f"which the corrected test {said}." in " ".join(words.plain_answers(run))
        clear.append(confirmed)
    assert any(clear)


def test_a_floor_that_not_all_candidates_were_compared_with_does_not_count(made):
    run = made["useful_but_not_chosen"]
    (floor,) = run.floors
    partial = replace(floor, name="random weights", contrasts=floor.contrasts[:1])
    merged = replace(run, floors=(floor, partial))
    assert advice_text(merged) == advice_text(run)
