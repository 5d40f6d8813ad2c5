"""The page as a reader sees it, in headless Chromium."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATH = next((path for path in map(shutil.which, BROWSERS) if path), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PATH is None, reason=f"needs one of {', '.join(BROWSERS)}"),
]

FIELDS = """
    elements => elements.map(e => [
        e.dataset.candidate, e.dataset.field, Number(e.dataset.value), e.textContent.trim()
    ])
"""
# content that is wider than the page and not in a box that scrolls
OVERFLOW = """
    () => [...document.querySelectorAll('main *')]
        .filter(e => e.getClientRects().length && !e.closest('.scroll, svg, thead'))
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + '.' + e.className)
"""
# what a closed box holds is drawn with the next frame, not as soon as a style says so
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=PATH, args=arguments)
        yield browser
        browser.close()


@contextmanager
def opened(browser, path: Path, width: int) -> Iterator[Any]:
    """A page; what it logs or fetches is a failure."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: said.append(r.url) if not r.url.startswith("data:") else None)
    page.goto(path.as_uri())
    yield page
    assert said == [path.as_uri()]
    page.close()


@pytest.fixture(scope="module", params=[1280, 390])
def loaded(request, browser, pages) -> Iterator[Any]:
    """The report at the width of a desk and of a phone."""
    with opened(browser, pages["classification"], request.param) as page:
        yield page


@pytest.fixture
def page(loaded) -> Iterator[Any]:
    """The same in its first state."""
    loaded.evaluate("scrollTo(0, 0)")
    loaded.mouse.move(0, 0)
    yield loaded
    loaded.emulate_media(media="screen", color_scheme="light")
    loaded.check("#axis-macs", force=True)
    loaded.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    loaded.evaluate("document.activeElement.blur()")


@pytest.fixture(
    scope="module",
    params=[("segmentation", 1280), ("segmentation", 390), ("depth", 390)],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def maps_page(request, browser, pages) -> Iterator[Any]:
    """The report of segmentation and of depth, likewise."""
    task, width = request.param
    with opened(browser, pages[task], width) as page:
        yield page


def test_nothing_is_wider_than_the_page(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(OVERFLOW) == []


def test_numbers_are_those_of_the_results(page, runs):
    rows = {
        r["candidate"]: r for r in json.loads((runs["classification"] / "results.json").read_text())
    }
    shown = page.eval_on_selector_all("[data-candidate][data-field]", FIELDS)
    assert len(shown) == 12 * len(rows)
    for candidate, field, value, _ in shown:
        assert value == rows[candidate][field]
    accuracies = {c: text for c, field, _, text in shown if field == "value"}
    assert accuracies == {c: f"{100 * r['value']:.1f}\u00a0%" for c, r in rows.items()}


def test_one_chart_is_shown_and_its_text_can_be_read(page):
    (chart,) = (c for c in page.query_selector_all("svg.chart") if c.is_visible())
    heights = chart.eval_on_selector_all(
        "text", "texts => texts.map(t => t.getBoundingClientRect().height)"
    )
    # a line box of 12 px is text of about 10 px
    assert min(heights) >= 12


def test_pictures_load(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    widths = page.eval_on_selector_all("article img", "images => images.map(i => i.naturalWidth)")
    assert len(widths) == 24
    assert min(widths) > 0


def test_details_are_printed_open(page):
    page.emulate_media(media="print")
    visible = "e => e.checkVisibility({contentVisibilityAuto: true})"
    page.evaluate(DRAWN)
    assert page.eval_on_selector("details .contrasts td", visible)
    assert page.eval_on_selector(".macs.wide svg.chart", visible)
    assert not page.eval_on_selector(".macs.narrow svg.chart", visible)
    assert not page.eval_on_selector("nav", visible)


AXES = ("macs", "latency_ms", "throughput", "peak_bytes", "params")


def shown_axes(page) -> list[str]:
    visible = [p for p in page.query_selector_all(".panel") if p.is_visible()]
    return [axis for p in visible for axis in AXES if axis in p.get_attribute("class").split()]


def test_the_kind_of_cost_is_switched_by_mouse(page):
    assert shown_axes(page) == ["macs"]
    for axis in AXES[::-1]:
        page.click(f"label[for=axis-{axis}]")
        assert shown_axes(page) == [axis]


def test_the_kind_of_cost_is_switched_by_keyboard(page):
    page.focus("#axis-macs")
    for axis in AXES[1:]:
        page.keyboard.press("ArrowRight")
        assert shown_axes(page) == [axis]


def test_a_point_shows_its_row_by_keyboard_and_by_mouse(page, runs):
    rows = json.loads((runs["classification"] / "results.json").read_text())
    page.focus("#axis-macs")
    page.keyboard.press("Tab")
    shown = page.evaluate("document.activeElement.innerText").replace("\u00a0", " ")
    row = next(r for r in rows if r["candidate"] == "pip:efficientnet_lite0@1")
    assert "efficientnet_lite0 @ 1" in shown
    assert f"{100 * row['value']:.1f} %" in shown
    points = [p for p in page.query_selector_all(".point") if p.is_visible()]
    assert len(points) == len(rows)
    page.evaluate("document.activeElement.blur()")
    for point in points:
        point.hover()
        (tip,) = (t for t in page.query_selector_all(".tip") if t.is_visible())
        box = tip.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]


def test_points_stand_on_their_marks(page):
    """What takes the pointer and the focus lies on the mark that is drawn."""
    name = "wide" if page.viewport_size["width"] > 800 else "narrow"
    for number, point in enumerate(page.query_selector_all(f".macs.{name} .point")[:3]):
        box = point.bounding_box()
        # the first three in the order of the page are the family's models at scale 1
        drawn = page.query_selector(f"#macs-{name}-point-{(0, 3, 4)[number]}").bounding_box()
        for side, length in (("x", "width"), ("y", "height")):
            middle = box[side] + box[length] / 2
            assert middle == pytest.approx(drawn[side] + drawn[length] / 2, abs=1.5)


COLOURS = """
    () => ['body', '.macs svg.chart text'].map(s => {
        const style = getComputedStyle(document.querySelector(s));
        return s == 'body' ? style.backgroundColor : style.fill;
    })
"""


def test_the_page_is_dark_where_the_reader_likes_it_and_light_on_paper(page):
    light = page.evaluate(COLOURS)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(COLOURS)
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] == "rgb(20, 24, 28)"
    assert light[1] != dark[1]
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(COLOURS) == light


def open_details(page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def test_nothing_dense_is_wider_than_the_page(maps_page):
    open_details(maps_page)
    assert maps_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert maps_page.evaluate(OVERFLOW) == []


def test_predictions_stand_beside_their_errors_and_the_truth(maps_page):
    """On a desk four columns, below each other what is said and its error; on a phone two."""
    open_details(maps_page)
    images = maps_page.query_selector_all(".beside:first-of-type .panels figure img")
    assert all(image.evaluate("i => i.naturalWidth") == 96 for image in images)
    boxes = [image.bounding_box() for image in images[:8]]
    pairs = list(zip(boxes[::2], boxes[1::2], strict=True))
    columns = sorted({round(box["x"]) for box in boxes})
    if maps_page.viewport_size["width"] > 800:
        assert len(columns) == 4
        assert all(a["x"] == b["x"] and a["y"] < b["y"] for a, b in pairs)
    else:
        assert len(columns) == 2
        assert all(a["y"] == b["y"] and a["x"] < b["x"] for a, b in pairs)
    assert len({round(box["width"]) for box in boxes}) == 1


def test_numbers_of_the_chart_of_sizes_can_be_read(maps_page):
    for chart in maps_page.query_selector_all("#sizes svg.plot-lines"):
        heights = chart.eval_on_selector_all(
            "text", "texts => texts.map(t => t.getBoundingClientRect().height)"
        )
        assert min(heights) >= 12
        # no label of an axis runs into the next one, nor off the drawing
        boxes = chart.eval_on_selector_all(
            "text[text-anchor=middle]",
            "texts => texts.map(t => t.getBoundingClientRect()).map(b => [b.top, b.left, b.right])",
        )
        for (top, _, right), (next_top, left, _) in pairwise(boxes):
            assert top != next_top or right < left
        assert (
            max(right for _, _, right in boxes)
            <= chart.bounding_box()["x"] + (chart.bounding_box()["width"])
        )
