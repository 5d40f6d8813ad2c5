import re
from dataclasses import replace

import pytest
from tests.report import dense_runs

from polyscale.report import draw_report, read_answers
from polyscale.report.axes import MACS, costs
from polyscale.report.chart import draw_chart, point_places
from polyscale.report.curves import draw_svg
from polyscale.report.read import read_run
from polyscale.report.sections.candidates import head_columns
from polyscale.report.settings import settings

ABSENT = ("cascades", "controls", "probes")
MAX_BYTES = 8_000_000


@pytest.fixture(scope="module")
def pages(shared_dense_folders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return {
        task: draw_report([run], folder / f"{task}.html").path.read_text()
        for task, run in shared_dense_folders.items()
    }


def sections(html: str) -> set[str]:
    return set(re.findall(r'<section[^>]* id="([\w-]+)"', html))


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_sections_are_those_of_the_files(pages, task):
    shared = {"chart", "equal-cost", "candidates", "contrasts", "budgets", "gallery", "data"}
    found = sections(pages[task])
    assert shared <= found
    assert not found & set(ABSENT)
    assert ({"sizes", "classes"} <= found) == (task == "segmentation")
    # each section in the list of sections, and nothing else
    links = set(re.findall(r'<li><a href="#([\w-]+)"', pages[task]))
    assert links == found


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_nothing_speaks_of_accuracy_where_it_is_not_the_metric(pages, task):
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", pages[task], flags=re.S)
    allowed = {"pixel accuracy", "mean class accuracy"}
    said = re.findall(r"(?:mean class |pixel )?accurac\w+", text.lower())
    assert set(said) <= allowed
    assert "McNemar" not in text
    assert "is right on" not in text


def test_a_page_stays_small_and_draws_itself_again_alike(pages, shared_dense_folders, tmp_path):
    for task, folder in shared_dense_folders.items():
        assert len(pages[task].encode()) < MAX_BYTES
        again = draw_report([folder], tmp_path / "again.html").path.read_text()
        assert again == pages[task]


def test_every_metric_of_the_rows_is_shown(pages, shared_dense_folders):
    for task, folder in shared_dense_folders.items():
        for result in read_run(folder).results:
            for key, value in result.scores.items():
                shown = f'data-value="{value}" data-score="{key}" data-of="{result.candidate}"'
                assert shown in pages[task]


def test_a_better_error_stands_higher_in_the_chart(shared_dense_folders):
    results = read_run(shared_dense_folders["depth"]).results
    with settings("test"):
        figure = draw_chart(results, (960, 560))
    places = point_places(figure, results, costs(results, MACS))
    by_value = sorted(results, key=lambda result: result.value)
    downwards = [places[result.candidate][1] for result in by_value]
    assert downwards == sorted(downwards)
    svg = draw_svg(results, "wide").svg
    assert "RMSE, lower is better (axis turned)" in svg


def test_a_run_writes_its_curves_and_gives_its_answers(dense_folder):
    draw_report([dense_folder])
    assert (dense_folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    answers = read_answers(dense_folder)
    assert len(answers) == 4
    assert answers[0].startswith("No, you don’t need the larger model")


def test_names_of_classes_are_text(tmp_path, shared_dense_folders):
    for path in shared_dense_folders["segmentation"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "classes.json"
    path.write_text(path.read_text().replace(dense_runs.CLASSES[-1], "<b>cup</b>"))
    html = draw_report([tmp_path]).path.read_text()
    assert "<b>cup</b>" not in html
    assert "&lt;b&gt;cup&lt;/b&gt;" in html


def test_a_head_that_all_share_is_told_once_and_others_row_by_row(pages, shared_dense_folders):
    assert "Head: linear." in pages["depth"]
    assert '<th scope="col" class="n">head</th>' not in pages["depth"]
    results = read_run(shared_dense_folders["depth"]).results
    other = replace(results[0], probe=results[0].probe | {"head": "dpt"})
    assert head_columns(results)[0][0] == "params"
    assert head_columns([other, *results[1:]])[0][0] == "head"
