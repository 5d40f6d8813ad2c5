import re
from dataclasses import replace

import pytest

from polyscale.records import Timing
from polyscale.report.sections import method

ROWS = [{"kind": "ridge", "alpha": 0.1}, {"kind": "ridge", "alpha": 1.0, "note": "slow"}]


def test_facts_that_all_rows_share_are_told_once():
    shared, differing = method.facts(dict(zip("ab", ROWS, strict=True)))
    assert shared == {"kind": "ridge"}
    assert differing == {"alpha": {"a": "0.1", "b": "1"}, "note": {"a": "–", "b": "slow"}}


def test_facts_are_written_on_one_line():
    assert method.fact_text({"folds": 5, "alphas": [0.1, 10.0]}) == "folds: 5; alphas: 0.1, 10"
    assert method.fact_text(True) == "yes"
    assert method.fact_text(None) == "–"
    assert method.fact_text([]) == "–"
    assert method.fact_name("num_train") == "num train"


def text_of(run) -> str:
    return re.sub(r"\s+", " ", method.method_section(run).striptags())


def test_limits_name_the_data_and_count_the_pairs(run):
    assert "rooms, with 60 training images and 60 test images" in text_of(run)
    assert "21 pairs were tested" in text_of(run)
    assert "pairs were tested" not in text_of(replace(run, contrasts=run.contrasts[:1]))


def test_repeats_are_named_where_the_task_has_them(run):
    first, *others = replace(run, repeats=None).results
    without = {name: value for name, value in first.settings.items() if name != "repeats"}
    bare = replace(run, repeats=None, results=(replace(first, settings=without), *others))
    assert "--repeats measures that" in text_of(replace(run, repeats=None))
    assert "or another training. " in text_of(bare)


def test_times_are_told_with_the_longest_stages(run):
    timing = Timing(wall_s=61.7, model_s=44.1, num_tiles=9, stages={"probe": 9.2, "features": 60})
    assert (
        "62 s in all, 44 s of it in models. While features were computed, a model was running "
        "74 % of the time. The longest steps: features 60 s, probe 9 s."
    ) in text_of(replace(run, timing=timing))
    idle = Timing(wall_s=2, model_s=0, num_tiles=0, stages={})
    assert "2 s in all, 0 s of it in models. Date" in text_of(replace(run, timing=idle))


@pytest.mark.parametrize(
    ("task", "phrases"),
    [
        ("run", ["Tango’s", "McNemar’s exact test confirms it"]),
        ("segmentation", ["Pixels are added up over all test images", "one-sided bootstrap tests"]),
        ("depth", ["RMSE is computed for each of the test images, and then averaged"]),
    ],
)
def test_tests_are_those_of_the_task(request, task, phrases):
    run = request.getfixturevalue(task)
    text = text_of(run)
    assert all(phrase in text for phrase in phrases)
    base = replace(run, results=tuple(replace(r, source="base") for r in run.results))
    assert "native: larger scales are resized" in text
    assert "base: larger scales are enlarged" in text_of(base)
