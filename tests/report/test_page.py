"""What the page holds, as HTML. How it looks is tested in a browser, in test_browser.py."""

import json
from html.parser import HTMLParser

import pytest

from polyscale.report import write_report
from polyscale.stats import judge


class Page(HTMLParser):
    """Elements with their attributes, and the page's text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if name in attributes]

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def open_page(folder) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(shared_report) -> Page:
    return Page(shared_report.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def full_page(shared_full_report) -> Page:
    return Page(shared_full_report.read_text(encoding="utf-8"))


def test_every_number_of_a_candidate_is_its_result(page, shared_folder):
    rows = {r["candidate"]: r for r in json.loads((shared_folder / "results.json").read_text())}
    seen = set()
    for data in page.having("data-field"):
        if "data-candidate" in data:
            row = rows[data["data-candidate"]]
            assert float(data["data-value"]) == row[data["data-field"]]
            seen.add((data["data-candidate"], data["data-field"]))
    fields = {
        "value", "ci_low", "ci_high", "num_tiles", "params", "macs", "latency_ms",
        "latency_low_ms", "latency_high_ms", "peak_bytes", "feature_dim",
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


def test_every_verdict_at_equal_cost_is_shown(full_page, run):
    (verdict,) = run.verdicts
    shown = {
        (d["data-cost-verdict"], d["data-axis"]): (d["data-outcome"], float(d["data-value"]))
        for d in full_page.having("data-cost-verdict")
    }
    assert shown == {(c.larger, c.axis): (c.outcome, c.difference) for c in verdict.costs}


def test_every_fact_of_the_other_files_is_in_them(full_page, shared_full_folder):
    files = {
        name: json.loads((shared_full_folder / f"{name}.json").read_text())
        for name in ("cascades", "controls", "probes", "data")
    }
    cascades = {f"{c['small']}|{c['large']}|{c['axis']}": c for c in files["cascades"]}
    controls = {f"{c['candidate']}|{c['control']}": c for c in files["controls"]}

    def value(file: str, row: str, key: str) -> float:
        if file == "cascades":
            return cascades[row]["chosen"].get(key, cascades[row].get(key))
        if file == "controls":
            found = controls[row][key]
            # shown as the candidate less its control, whichever way round the file has it
            backwards = key == "difference" and controls[row]["control"] == "equal_width"
            return -found if backwards else found
        if file == "data":
            counts = {"train": 0, "test": 1}
            data = files["data"]
            return data["classes"][row][counts[key]] if key in counts else data[key]
        probes = files["probes"][row]
        if key.startswith("shots-"):
            (point,) = (p for p in probes["few_shot"] if p["shots"] == int(key[6:]))
            return point["mean"]
        if key == "knn":
            return probes["knn"]["value"]
        return probes["seeds"]["sd"] if key == "sd" else probes["features"][key]

    seen = set()
    for data in full_page.having("data-file"):
        where = (data["data-file"], data["data-row"], data["data-key"])
        assert float(data["data-value"]) == value(*where), where
        seen.add(where)
    assert {file for file, _, _ in seen} == files.keys()
    assert len(seen) == 4 * 4 + 2 * 6 + 7 * (1 + 2 + 1 + 4) + 2 + 2 + 2 * 4


def test_gains_of_a_class_add_up_to_the_whole(full_page, run):
    """Differences of classes, weighted by their images, are the contrast."""
    (verdict,) = run.verdicts
    labels = run.predictions.labels
    found = {
        d["data-class"]: float(d["data-value"])
        for d in full_page.having("data-class")
        if d["data-other"] == verdict.larger.candidate
    }
    total = sum(gain * (labels == name).sum() for name, gain in found.items())
    assert total / len(labels) == pytest.approx(verdict.contrast.difference)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_confusions_count_every_answer(full_page, run):
    (verdict,) = run.verdicts
    cells = full_page.having("data-of")
    for side in (verdict.s2, verdict.larger):
        own = [d for d in cells if d["data-of"] == side.candidate]
        assert sum(int(d["data-count"]) for d in own) == side.num_test
        right = sum(int(d["data-count"]) for d in own if d.get("class") == "diagonal")
        assert right / side.num_test == side.value


def test_what_was_not_asked_for_has_no_section(page, full_page):
    ids = {e["id"] for e in page.having("id")}
    every = {e["id"] for e in full_page.having("id")}
    sections = {"cascades", "controls", "probes", "data", "axis-throughput"}
    assert not sections & ids
    assert sections <= every


def test_every_section_is_reached_from_the_top(full_page):
    ids = {e["id"] for e in full_page.having("id")}
    links = {e["href"][1:] for e in full_page.having("href") if e["href"].startswith("#")}
    assert links <= ids
    assert len(links) == 12


@pytest.mark.parametrize(
    "name", ["verdicts", "cascades", "controls", "probes", "data", "failures", "timing"]
)
def test_each_file_may_be_absent(full_folder, name):
    (full_folder / f"{name}.json").unlink()
    assert "Do you need a larger vision model?" in open_page(full_folder).text


def test_failed_candidates_are_named(full_page):
    assert "timm:nope@1 timm has no model 'nope'." in full_page.text


def test_a_control_that_could_not_run_says_why(full_page):
    assert "Not run: the model takes its own size alone" in full_page.text


def test_what_is_wrong_with_the_data_is_said(full_page):
    assert "1 unreadable image was left out." in full_page.text
    assert (
        "2 test images are nearly the same as a training image, 1 byte for byte" in full_page.text
    )


WORDS = (
    "the model takes its own size alone",
    "is cut short",
    "timm has no model",
    "Classes differ",
    "own split",
    "study/7",
    "a/2",
    "InputError",
    "extract",
)


def test_text_of_the_other_files_is_inert(full_folder):
    script = "<script>alert(1)</script> & {{ 7 * 7 }}"
    for path in full_folder.glob("*.json"):
        text = path.read_text()
        for word in WORDS:
            text = text.replace(word, script)
        path.write_text(text)
    page = open_page(full_folder)
    assert "script" not in page.tags()
    assert page.text.count(script) >= 9


def test_figures_of_the_answer_are_the_verdict(page, run):
    (verdict,) = judge(run.results, run.contrasts)
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


def test_names_of_classes_and_images_are_inert(make_run):
    script = "<script>alert(1)</script>"
    page = open_page(
        make_run(labels=(script, '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}"),
                 id_format=script + "{:04d}")
    )  # fmt: skip
    assert "script" not in page.tags()
    assert not page.having("onerror")
    # as text they are all there
    for text in (script, script + "0001", "<img src=x onerror=alert(1)>", "{{ 7 * 7 }}"):
        assert text in page.text


def test_names_of_data_models_and_settings_are_inert(run_folder):
    path = run_folder / "results.json"
    script = "</style></title><script>alert(1)</script>"
    rows = [
        r | {"data": script, "family": script + r["family"], "settings": {script: script}}
        for r in json.loads(path.read_text())
    ]
    path.write_text(json.dumps(rows))
    page = open_page(run_folder)
    assert "script" not in page.tags()
    assert script in page.text


def test_few_pairs_are_shown_open(make_run):
    page = open_page(make_run({"pip:efficientnet_lite0@1": 0.4, "pip:efficientnet_lite0@1,2": 0.6}))
    assert "only first right" in page.text
    assert "pairs" not in page.text.partition("Paired differences")[2].partition("p: exact")[0]


def test_without_a_verdict_the_page_says_what_is_missing(make_run):
    page = open_page(make_run({"pip:dinov2_small@1": 0.6, "pip:dinov2_small@1,2": 0.7}))
    assert "This run can’t answer that yet." in page.text
    assert "no larger model of the family was run at one scale" in page.text
    assert not page.having("data-verdict")


def test_one_candidate_is_enough_for_a_page(make_run):
    page = open_page(make_run({"pip:dinov2_small@1": 0.6}))
    assert "dinov2_small at scale 1 is right on" in page.text
    assert "Paired differences" not in page.text


def test_a_larger_model_that_wins_is_said_to(make_run):
    page = open_page(
        make_run(
            {
                "pip:efficientnet_lite0@1": 0.4,
                "pip:efficientnet_lite0@1,2": 0.45,
                "pip:efficientnet_lite2@1": 0.7,
            }
        )
    )
    assert "Yes, the larger model is better, and it is cheaper to run." in page.text


def test_each_sign_stands_beside_its_answer(page, run):
    right = [li for li in page.having("class") if li["class"] == "right"]
    wrong = [li for li in page.having("class") if li["class"] == "wrong"]
    answers = [a.correct for p in run.pictures for a in p.answers.values()]
    # and one of each in the legend
    assert (len(right), len(wrong)) == (sum(answers) + 1, len(answers) - sum(answers) + 1)
