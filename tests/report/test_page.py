"""What the page holds, as HTML. How it looks is tested in a browser, in test_browser.py."""

import json
import re
from dataclasses import replace

import pytest
from markupsafe import Markup
from tests.report.conftest import Page, edit, edit_table, keep_candidates
from tests.report.studies import CANDIDATES, DINO, LITE

from polyscale.report import draw_report, write_report
from polyscale.report.page import render_page

MAX_BYTES = 8_000_000


def open_page(folder) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def html(pages) -> dict[str, Page]:
    return {task: Page(path.read_text(encoding="utf-8")) for task, path in pages.items()}


@pytest.fixture(scope="module")
def page(html) -> Page:
    return html["classification"]


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_every_number_of_a_candidate_is_its_result(html, runs, task):
    rows = {r["candidate"]: r for r in json.loads((runs[task] / "results.json").read_text())}
    seen = set()
    for data in html[task].having("data-field"):
        if "data-candidate" in data:
            row = rows[data["data-candidate"]]
            assert float(data["data-value"]) == row[data["data-field"]]
            seen.add((data["data-candidate"], data["data-field"]))
    fields = {
        "value", "ci_low", "ci_high", "num_tiles", "params", "macs", "latency_ms",
        "latency_low_ms", "latency_high_ms", "throughput", "peak_bytes", "feature_dim",
    }  # fmt: skip
    assert seen == {(name, field) for name in rows for field in fields}


def test_every_number_of_a_pair_is_its_contrast(page, run):
    seen = set()
    for data in page.having("data-second"):
        contrast = run.contrast(data["data-first"], data["data-second"])
        assert float(data["data-value"]) == getattr(contrast, data["data-field"])
        seen.add((contrast.first, contrast.second, data["data-field"]))
    fields = ("difference", "ci_low", "ci_high", "only_first", "only_second", "p_value")
    assert {(c.first, c.second, f) for c in run.contrasts for f in fields} <= seen


def test_every_ratio_is_to_the_cheapest(page, run):
    ratios = page.having("data-ratio")
    assert len(ratios) == 3 * len(run.results)
    values = {r.candidate: r.to_dict() for r in run.results}
    for data in ratios:
        field = data["data-ratio"]
        cheapest = min(row[field] for row in values.values())
        assert float(data["data-value"]) == values[data["data-candidate"]][field] / cheapest


def test_every_verdict_at_equal_cost_is_shown(page, run):
    shown = {
        (d["data-cost-verdict"], d["data-axis"]): (d["data-outcome"], float(d["data-value"]))
        for d in page.having("data-cost-verdict")
    }
    (verdict,) = run.verdicts
    assert shown == {(c.larger, c.axis): (c.outcome, c.difference) for c in verdict.costs}


def test_every_fact_of_the_other_files_is_in_them(page, runs):
    names = ("cascades", "controls", "probes", "data", "floors")
    folder = runs["classification"]
    files = {name: json.loads((folder / f"{name}.json").read_text()) for name in names}
    cascades = {f"{c['small']}|{c['large']}|{c['axis']}": c for c in files["cascades"]}
    floors = {floor["name"]: floor for floor in files["floors"]}
    controls = {f"{c['candidate']}|{c['control']}": c for c in files["controls"]}

    def value(file: str, row: str, key: str) -> float:
        if file == "cascades":
            return cascades[row]["chosen"].get(key, cascades[row].get(key))
        if file == "controls":
            # shown as the candidate less its control; the file has the control less its candidate
            return -controls[row][key] if key == "difference" else controls[row][key]
        if file == "data":
            counts = {"train": 0, "test": 1}
            data = files["data"]
            return data["classes"][row][counts[key]] if key in counts else data[key]
        if file == "floors":
            return floors[row][key]
        probes = files["probes"][row]
        if key.startswith("shots-"):
            (point,) = (p for p in probes["few_shot"] if p["shots"] == int(key[6:]))
            return point["mean"]
        if key == "knn":
            return probes["knn"]["value"]
        return probes["seeds"]["sd"] if key == "sd" else probes["features"][key]

    seen = set()
    for data in page.having("data-file"):
        where = (data["data-file"], data["data-row"], data["data-key"])
        assert float(data["data-value"]) == value(*where), where
        seen.add(where)
    assert {file for file, _, _ in seen} == files.keys()
    ran = [c for c in files["controls"] if c["reason"] is None]
    shots = [p for probes in files["probes"].values() for p in probes["few_shot"] if p["mean"]]
    features = [f for probes in files["probes"].values() for f in probes["features"]]
    assert len(seen) == (
        4 * len(cascades)
        + 6 * len(ran)
        + 2 * 7
        + len(features)
        + len(shots)
        + 2
        + 2 * 4
        + len(floors)
    )


def test_a_control_is_shown_the_way_round_that_its_values_are(page, run):
    """What the page shows is the candidate's value less the control's, both of which it shows."""
    values = {r.candidate: r.value for r in run.results}
    shown = {
        (d["data-row"], d["data-key"]): float(d["data-value"])
        for d in page.having("data-file")
        if d["data-file"] == "controls"
    }
    differences = {row: value for (row, key), value in shown.items() if key == "difference"}
    assert any(differences.values())
    for row, difference in differences.items():
        candidate, _, _ = row.partition("|")
        assert difference == pytest.approx(values[candidate] - shown[row, "value"])


def test_gains_of_a_class_add_up_to_the_whole(page, run):
    """Differences of classes, weighted by their images, are the contrast."""
    (verdict,) = run.verdicts
    labels = run.images.labels
    found = {
        d["data-class"]: float(d["data-value"])
        for d in page.having("data-class")
        if d.get("data-other") == verdict.larger.candidate
    }
    total = sum(gain * (labels == name).sum() for name, gain in found.items())
    assert total / len(labels) == pytest.approx(verdict.contrast.difference)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_confusions_count_every_answer(page, run):
    (verdict,) = run.verdicts
    cells = [d for d in page.having("data-of") if "data-count" in d]
    for side in (verdict.s2, verdict.larger):
        own = [d for d in cells if d["data-of"] == side.candidate]
        assert sum(int(d["data-count"]) for d in own) == side.num_test
        right = sum(int(d["data-count"]) for d in own if d.get("class") == "diagonal")
        assert right / side.num_test == side.value


def test_every_metric_of_the_rows_is_shown(html, segmentation, depth):
    for task, own in (("segmentation", segmentation), ("depth", depth)):
        for result in own.results:
            for key, value in result.scores.items():
                shown = f'data-value="{value}" data-score="{key}" data-of="{result.candidate}"'
                assert shown in html[task].html


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_sections_are_those_of_the_files_and_each_is_linked(html, task):
    found = set(re.findall(r'<section[^>]* id="([\w-]+)"', html[task].html))
    shared = {
        "chart",
        "equal-cost",
        "candidates",
        "contrasts",
        "budgets",
        "gallery",
        "data",
        "floors",
    }
    more = {
        "classification": {"cascades", "controls", "probes", "repeats", "classes", "calibration"},
        "segmentation": {"sizes", "classes", "heads"},
        "depth": {"heads"},
    }
    assert found == shared | more[task] | {"method"}
    links = set(re.findall(r'<li><a href="#([\w-]+)"', html[task].html))
    assert links == found
    targets = {e["href"][1:] for e in html[task].having("href") if e["href"].startswith("#")}
    assert targets <= {e["id"] for e in html[task].having("id")}


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_nothing_speaks_of_accuracy_where_it_is_not_the_metric(html, task):
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html[task].html, flags=re.S)
    said = re.findall(r"(?:mean class |pixel )?accurac\w+", text.lower())
    assert set(said) <= {"pixel accuracy", "mean class accuracy"}
    assert "McNemar" not in text
    assert "is right on" not in text


def test_a_page_stays_small(html):
    assert max(len(own.html.encode()) for own in html.values()) < MAX_BYTES


def test_each_file_may_be_absent_and_its_section_with_it(run_folder, no_charts):
    for name in ("verdicts", "cascades", "controls", "probes", "data", "failures", "timing"):
        path = run_folder / f"{name}.json"
        content = path.read_bytes()
        path.unlink()
        page = open_page(run_folder)
        assert "Do you need a larger vision model?" in page.text
        ids = {e["id"] for e in page.having("id")}
        assert name not in ids
        assert {"cascades", "controls", "probes", "data"} - {name} <= ids
        path.write_bytes(content)


def test_failed_candidates_are_named(page):
    assert "pip:broken@1 its weights are <damaged>" in page.text


def test_a_control_that_could_not_run_says_why(page):
    assert f"Not run: tile_hw must be that of {LITE}0" in page.text


def test_what_is_wrong_with_the_data_is_said(page):
    assert "1 unreadable image was left out." in page.text
    assert (
        "2 test images look the same as a training image with the same target, and 1 of them is"
        in page.text
    )
    assert "alike by their hashes; their pixels were not compared" in page.text
    assert "1 test image looks the same as a training image with another target" in page.text
    assert "the least by 0.91" in page.text
    assert "1 image is worth a look: study/8.jpg (nearly one colour)." in page.text


SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)> & {{ 7 * 7 }} {% raw %}"


CHOICES = ("s2", "larger", "floor", "ceiling")
"""Texts of which a file may have no other."""


def poison(value, key=""):
    """Every text that a user, a model or a data set may have given, with a script behind it."""
    if isinstance(value, dict):
        return {
            (k + SCRIPT if key in ("classes", "settings", "probe", "versions", "stages") else k):
            poison(v, k) for k, v in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [poison(v, key) for v in value]
    free = (
        "about", "class_name", "data", "error", "family", "head", "id", "kind", "name", "names",
        "reason", "remarks", "test_id", "train_id", "noun", "sentence", "samples",
    )  # fmt: skip
    is_free = isinstance(value, str) and key in free and value not in CHOICES
    return value + SCRIPT if is_free else value


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_no_text_of_any_file_is_markup(runs, tmp_path, few_charts, task):
    """Names of classes, images, data, models, settings: as text they are all there."""
    for path in runs[task].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    for path in tmp_path.glob("*.json"):
        edit(path, poison)
    for path in tmp_path.glob("*.parquet"):
        edit_table(
            path,
            change=lambda row: {
                k: v + SCRIPT if k in ("id", "label", "prediction", "class") else v
                for k, v in row.items()
            },
        )
    page = open_page(tmp_path)
    assert not page.tags() & {"script", "object", "iframe"}
    assert not page.having("onerror")
    assert page.html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 50
    assert "{{ 7 * 7 }}" in page.text
    assert "49" + " {% raw" not in page.text


def test_names_of_candidates_are_text(run_folder, no_charts):
    """A candidate's name is in every file; here a backbone's ends in a script."""
    for path in run_folder.glob("*.json"):
        text = path.read_text()
        path.write_text(text.replace(f"{DINO}", f"{DINO}<script>alert(1)</script>"))
    edit_table(
        run_folder / "predictions.parquet",
        change=lambda row: (
            row | {"candidate": row["candidate"].replace(DINO, f"{DINO}<script>alert(1)</script>")}
        ),
    )
    page = open_page(run_folder)
    assert "script" not in page.tags()
    assert "dinov2_small<script>alert(1)</script> @" in page.text


def test_figures_of_the_answer_are_the_verdict(page, run):
    (verdict,) = run.verdicts
    figures = {d["data-field"]: float(d["data-value"]) for d in page.having("data-verdict")}
    assert figures == {
        "difference": verdict.contrast.difference,
        "macs_ratio": verdict.macs_ratio,
        "latency_ratio": verdict.latency_ratio,
        "memory_ratio": verdict.memory_ratio,
        "params_ratio": verdict.params_ratio,
    }


def test_the_page_needs_no_other_file(page):
    assert "script" not in page.tags()
    assert "object" not in page.tags()
    for attribute in ("src", "href", "xlink:href"):
        for element in page.having(attribute):
            assert element[attribute].startswith(("data:", "#"))
    (policy,) = (m["content"] for m in page.having("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_ids_are_unique_where_they_are_referred_to(page):
    ids = [e["id"] for e in page.having("id")]
    targets = {e[a][1:] for a in ("href", "xlink:href") for e in page.having(a) if e[a][0] == "#"}
    for target in targets:
        assert ids.count(target) == 1


def test_few_pairs_are_shown_open(run_folder, no_charts):
    page = open_page(keep_candidates(run_folder, [f"{LITE}0@1", f"{LITE}0@1,2"]))
    assert "only first right" in page.text
    assert "pairs" not in page.text.partition("Paired differences")[2].partition("p: exact")[0]


def test_without_a_verdict_the_page_says_what_is_missing(run_folder, no_charts):
    page = open_page(keep_candidates(run_folder, [f"{DINO}@1", f"{DINO}@1,2"]))
    assert "no larger model of the family was run at one scale" in page.text
    assert not page.having("data-verdict")


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_one_candidate_is_enough_for_a_page(runs, tmp_path, few_charts, task):
    for path in runs[task].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    page = open_page(keep_candidates(tmp_path, [f"{LITE}0@1"]))
    assert "efficientnet_lite0 at scale 1 " in page.text
    assert "Paired differences" not in page.text
    assert "This run can’t answer that yet." in page.text


def test_a_larger_model_that_wins_is_said_to(run, verdict, no_charts):
    won = replace(verdict, outcome="larger", macs_ratio=8.0, latency_ratio=6.0)
    page = Page(render_page(replace(run, verdicts=(won,))))
    assert (
        "The larger model does better than several scales, and it costs less to run." in page.text
    )


def test_each_sign_stands_beside_its_answer(page, run):
    right = [li for li in page.having("class") if li["class"] == "right"]
    wrong = [li for li in page.having("class") if li["class"] == "wrong"]
    rows = [run.images.index[picture.id] for picture in run.pictures]
    answers = [correct[row] for row in rows for correct in run.images.correct.values()]
    assert len(answers) == 24 * len(CANDIDATES)
    # and one of each in the legend
    assert (len(right), len(wrong)) == (sum(answers) + 1, len(answers) - sum(answers) + 1)


def test_a_head_that_all_share_is_told_once(html):
    assert re.search(r"Head: linear: [^<]+\.</p>", html["depth"].html)
    assert '<th scope="col" class="n">head</th>' not in html["depth"].html


def test_own_sections_stand_before_the_method_and_are_linked(run, no_charts):
    def shown(run) -> Markup:
        text = f"{len(run.results)} rows & more"
        return Markup('<section id="own" data-nav="My own"><h2>{}</h2></section>').format(text)

    page = render_page(run, [shown, lambda run: None, lambda run: "<b>no markup</b>"])
    assert '<a href="#own">My own</a>' in page
    assert "7 rows &amp; more" in page
    assert "&lt;b&gt;no markup&lt;/b&gt;" in page
    assert page.index('id="gallery"') < page.index('id="own"') < page.index('id="method"')
    assert page.index('class="answers"') < page.index('id="data"') < page.index('id="gallery"')


def test_a_task_of_the_users_own_has_its_words_everywhere(runs, tmp_path, no_charts):
    """A page knows no task by name: what `task.json` says is what it says."""
    for path in runs["depth"].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())

    def renamed(content):
        for row in content if isinstance(content, list) else [content]:
            for own in (row, row.get("contrast"), row.get("s2"), row.get("larger")):
                if own:
                    own |= {"metric": "mae"} if isinstance(own.get("metric"), str) else {}
                    own |= {"task": "counting"} if "task" in own else {}
            for cost in row.get("costs", []):
                for contrast in cost["contrasts"]:
                    contrast["metric"] = "mae"

    for name in ("results", "contrasts", "verdicts"):
        edit(tmp_path / f"{name}.json", renamed)
    metric = {"key": "mae", "name": "Mean error", "higher_is_better": False}
    edit(
        tmp_path / "task.json",
        lambda row: row | {"task": "counting", "metric": metric, "scores": []},
    )
    page = open_page(tmp_path)
    assert "has a Mean error of 0." in page.text
    assert "Mean error against cost" in page.text
    assert "RMSE" not in page.text
    assert "abs rel ↓" not in page.text
    assert "counting." in page.text


def test_runs_side_by_side_show_their_rows_without_contrasts(runs, tmp_path):
    written = draw_report([runs["segmentation"], runs["depth"]], tmp_path / "both.html")
    page = Page(written.path.read_text())
    assert "They are shown side by side and not compared" in page.text
    assert {d["data-field"] for d in page.having("data-field")} >= {"value", "macs"}
    assert not page.having("data-second")
