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


@pytest.fixture
def page(run_folder) -> Page:
    return open_page(run_folder)


def test_every_number_of_a_candidate_is_its_result(page, run_folder):
    rows = {r["candidate"]: r for r in json.loads((run_folder / "results.json").read_text())}
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
    for data in page.having("data-first"):
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


def test_figures_of_the_answer_are_the_verdict(page, run):
    (verdict,) = judge(run.results, run.contrasts)
    figures = {d["data-field"]: float(d["data-value"]) for d in page.having("data-verdict")}
    assert figures == {
        "difference": verdict.contrast.difference,
        "macs_ratio": verdict.macs_ratio,
        "latency_ratio": verdict.latency_ratio,
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
    assert "details" not in page.tags()
    assert "only first right" in page.text


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
