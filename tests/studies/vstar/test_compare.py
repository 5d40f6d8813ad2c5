import json
import re

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.language.tiny_llava import tiny_s2
from tests.report.conftest import Page
from tests.studies.vstar.questions import live_model, write_questions

from polyscale.errors import InputError
from polyscale.report.compare_questions import compare_questions
from polyscale.report.read import read_run
from polyscale.report.sections.questions import card_groups
from polyscale.studies.vstar import VstarSettings, plan_vstar, run_vstar


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders by name: models of one and of two scales, and runs that do not fit them."""
    root = tmp_path_factory.mktemp("runs")
    data = write_questions(root / "data", num=20)
    models = {"one": live_model(), "two": tiny_s2()}

    def write(name, model, folder=data, **settings):
        asked = plan_vstar(
            models[model], str(folder), VstarSettings(device="cpu", **settings), name=model
        )
        run_vstar(asked, root / name)

    write("one", "one")
    write("two", "two")
    write("letters", "two", protocol="letters")
    write("again", "one")
    write("others", "two", folder=write_questions(root / "other_data", num=4))
    changed = data / "direct_attributes" / "q0.json"
    content = json.loads(changed.read_text())
    content["question"] = "Which colour?"
    changed.write_text(json.dumps(content))
    write("changed", "two")
    return root


def test_a_page_says_what_the_runs_hold(runs, tmp_path):
    written = compare_questions([runs / "one", runs / "two"], tmp_path / "both.html")
    correct = {}
    for name, candidate in (("one", "one@1"), ("two", "two@1,2")):
        answers = read_run(runs / name).answers[candidate]
        correct[name] = np.array([answer.correct for answer in answers.values()])
    only = [int((correct[a] & ~correct[b]).sum()) for a, b in (("one", "two"), ("two", "one"))]
    assert max(only), "random models must differ for this test"
    p = binomtest(only[0], sum(only)).pvalue
    assert f"Only one @ 1 is right on {only[0]} of 20" in written.answers[-1].replace("\xa0", " ")
    assert f"p = {p:.3f}" in written.answers[-1]
    html = written.path.read_text()
    assert html.count('<article class="question">') == sum(only)
    for name, candidate in (("one", "one@1"), ("two", "two@1,2")):
        right = correct[name].sum()
        assert f'data-value="{right}" data-right="all questions" data-of="{candidate}"' in html
    assert "training image" not in Page(html).text


def test_cards_show_what_each_model_sees(runs, tmp_path):
    compare_questions([runs / "one", runs / "two"], tmp_path / "both.html")
    from polyscale.report.merge import merge

    run = merge([read_run(runs / name) for name in ("one", "two")])
    cards = [card for group in card_groups(run) for card in group.cards]
    for card in cards:
        views = card.views["two@1,2"]
        assert [(view.scale, len(view.tiles)) for view in views] == [(1, 1), (2, 4)]
        # pictures of 80×48 px are cut to the middle square, whose side becomes 32 px at scale 1
        assert views[0].tiles == [{"x": 16, "y": 0, "width": 48, "height": 48}]
        assert {tile["width"] for tile in views[1].tiles} == {24}
        assert [view.target_px for view in views] == pytest.approx([8 * 32 / 48, 8 * 64 / 48])
        answers = {name: run.answers[name][card.question.id] for name in run.rows}
        assert len({answer.correct for answer in answers.values()}) == 2
        for place, line in enumerate(card.options):
            assert line.losses == tuple(a.losses[0][place] for a in answers.values())


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            ("one", "letters"),
            r"share their protocol, .*one' is 'questions by likelihood' and .*letters' is "
            "'questions by letters'",
        ),
        (("one", "others"), r"share their data, .*runs\d/data' and .*others' is '.*/other_data'"),
        (("one", "changed"), "ask the same questions, .*differ in test targets"),
        (("one", "again"), r"of two models, .* are both of one@1"),
        (("one", "one"), "two models"),
        (("one",), "two folders, but got 1"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(runs, tmp_path, pair, message):
    with pytest.raises(InputError, match=message):
        compare_questions([runs / name for name in pair], tmp_path / "both.html")
    assert not (tmp_path / "both.html").exists()


def test_protocols_never_share_a_table(runs, tmp_path):
    """Nor where any runs may be given: they stand side by side, each with a table of its own."""
    from polyscale.report import draw_report

    written = draw_report([runs / "one", runs / "letters"], tmp_path / "both.html")
    assert "task" in written.notes[0]
    tables = re.findall(r'<table class="candidates">.*?</table>', written.path.read_text(), re.S)
    assert len(tables) == 2
    assert all(("one" in table) != ("two" in table) for table in tables)


def test_a_run_of_another_kind_is_refused(runs, tmp_path):
    run = runs / "one"
    (run / "questions.parquet").rename(tmp_path / "questions.parquet")
    try:
        with pytest.raises(InputError, match="must be of polyscale vstar"):
            compare_questions([run, runs / "two"], tmp_path / "both.html")
    finally:
        (tmp_path / "questions.parquet").rename(run / "questions.parquet")
