import re
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from PIL import Image

from polyscale.report.chart import _ticks, cuts_of, draw_chart
from polyscale.report.curves import draw_png, draw_svg
from polyscale.report.numbers import AXES, THROUGHPUT

SVG = "{http://www.w3.org/2000/svg}"


def ids_of(svg: str) -> list[str]:
    return [e.get("id") for e in ElementTree.fromstring(svg).iter() if e.get("id")]  # noqa: S314


def texts_of(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)  # noqa: S314
    return ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]


def test_png_is_an_image_of_its_size(run):
    image = Image.open(BytesIO(draw_png(run)))
    image.load()
    assert (image.format, image.size) == ("PNG", (1600, 1000))
    # the family colours are there, beside white and greys
    colours = {colour for _, colour in image.convert("RGB").getcolors(maxcolors=100_000)}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (255, 255, 255)} <= colours


@pytest.mark.parametrize("variant", ["wide", "narrow"])
def test_svg_holds_a_line_for_each_family_and_model_and_a_point_for_each_candidate(run, variant):
    ids = ids_of(draw_svg(run, variant).svg)
    assert [i for i in ids if "-size-" in i] == [f"macs-{variant}-size-0"]
    assert [i for i in ids if "-scale-" in i] == [
        f"macs-{variant}-{n}" for n in ("scale-0", "scale-1")
    ]
    assert [i for i in ids if "-point-" in i] == [f"macs-{variant}-point-{n}" for n in range(7)]


def test_svg_names_models_and_scales_in_text(run):
    texts = texts_of(draw_svg(run, "wide").svg)
    for label in ("efficientnet_lite0", "efficientnet_lite2", "dinov2_small", "scales 1, 2, 3"):
        assert texts.count(label) == 1
    assert texts.count("scales 1, 2") == 2
    assert "@ 1, 2, 3" in texts_of(draw_svg(run, "narrow").svg)


def test_two_svgs_of_a_page_share_no_id_that_is_referred_to(run):
    wide, narrow = (draw_svg(run, variant).svg for variant in ("wide", "narrow"))
    targets = set(re.findall(r"#([\w-]+)[\")]", wide)) & set(ids_of(wide))
    assert targets
    assert not targets & set(ids_of(narrow))


def test_svg_is_the_same_each_time(run):
    assert draw_svg(run, "wide") == draw_svg(run, "wide")


def test_svg_escapes_names(run):
    nasty = "<script>alert(1)</script> & $x^2$"
    results = (replace(run.results[0], backbone=nasty, data=nasty), *run.results[3:5])
    svg = draw_svg(replace(run, results=results), "wide").svg
    assert "<script" not in svg
    assert ElementTree.fromstring(svg).get("aria-label").count("<script>")  # noqa: S314


@pytest.mark.parametrize("axis", [a for a in AXES.values() if a is not THROUGHPUT])
def test_places_are_those_of_the_points(run, axis):
    """By cost from left to right, by accuracy from below; nothing outside of the drawing."""
    places = draw_svg(run, "wide", axis).places
    by_name = {r.candidate: r for r in run.results}
    assert places.keys() == by_name.keys()
    assert all(0 < share < 1 for place in places.values() for share in place)
    for a, (x, y) in places.items():
        for b, (u, v) in places.items():
            cheaper = getattr(by_name[a], axis.key) < getattr(by_name[b], axis.key)
            assert (x < u) == cheaper
            if by_name[a].value != by_name[b].value:
                assert (y < v) == (by_name[a].value > by_name[b].value)


def test_faster_is_further_left(run):
    faster = run.throughput
    places = draw_svg(run, "wide", THROUGHPUT).places
    assert min(places, key=lambda name: places[name][0]) == max(faster, key=faster.__getitem__)


def test_an_interpolated_point_of_a_curve_is_a_cross_that_a_page_alone_has(run, verdict):
    cost = next(c for c in verdict.costs if c.axis == "macs")
    with_cut = replace(verdict, costs=(replace(cost, rule="interpolated", s2=("a", "b")),))
    plain, cut = (
        replace(run, verdicts=(replace(verdict, costs=()),)),
        replace(run, verdicts=(with_cut,)),
    )
    num_lines = [len(draw_chart(r, (960, 560)).axes[0].lines) for r in (plain, cut)]
    assert num_lines[1] == num_lines[0] + 2
    assert len(draw_chart(cut, (960, 600), alone=True).axes[0].lines) == num_lines[0]


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (3e6, 5.2e6, ["3 M", "4 M", "5 M"]),
        (3e6, 3e7, ["5 M", "10 M", "20 M"]),
        (1e5, 1e9, ["0.1 M", "1 M", "10 M", "100 M", "1000 M"]),
    ],
)
def test_there_are_always_some_ticks_and_never_many(low, high, texts):
    assert [AXES["params"].tick(t) for t in _ticks(low, high)] == texts


def test_colours_are_those_of_the_page(run):
    """No colour is fixed, so that the drawing follows the page into the dark."""
    svg = draw_svg(run, "wide").svg
    assert not re.findall(r"(?:fill|stroke): #[0-9a-f]+", svg)
    assert "var(--mark-1)" in svg


def test_drawing_leaves_the_settings_of_matplotlib_alone(run):
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "black"}):
        before = dict(mpl.rcParams)
        styled = draw_svg(run, "wide")
        assert dict(mpl.rcParams) == before
    assert styled == draw_svg(run, "wide")


@pytest.mark.parametrize("narrow", [False, True])
def test_labels_stay_inside_and_apart(run, narrow):
    figure = draw_chart(run, (380, 440) if narrow else (960, 560), narrow=narrow)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].texts]
    assert len(boxes) == 7
    for box in boxes:
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
    # get_window_extent of an annotation includes its leader: compare the words alone
    words = [super(type(t), t).get_window_extent() for t in figure.axes[0].texts]
    for i, first in enumerate(words):
        assert not any(first.overlaps(second) for second in words[i + 1 :])


def test_a_better_error_stands_higher_in_the_chart(depth):
    drawing = draw_svg(depth, "wide")
    by_value = sorted(depth.results, key=lambda result: result.value)
    downwards = [drawing.places[result.candidate][1] for result in by_value]
    assert downwards == sorted(downwards)
    assert "RMSE, lower is better (axis inverted)" in drawing.svg


def test_a_curve_is_interpolated_where_a_verdict_says(depth, run):
    """The value there is the larger model's and the verdict's difference, in its own direction."""
    for own in (depth, run):
        values = {r.candidate: r.value for r in own.results}
        (verdict,) = own.verdicts
        costs = [c for c in verdict.costs if (c.axis, c.rule) == ("macs", "interpolated")]
        cuts = cuts_of(own, AXES["macs"])
        assert [larger.candidate for larger, _ in cuts] == [c.larger for c in costs]
        for cost, (_, value) in zip(costs, cuts, strict=True):
            ends = [values[name] for name in cost.s2]
            assert min(ends) <= value <= max(ends)


def test_a_single_candidate_has_a_point_and_no_line(run):
    ids = ids_of(draw_svg(replace(run, results=run.results[:1], verdicts=()), "wide").svg)
    assert "macs-wide-point-0" in ids
    assert not [i for i in ids if "-size-" in i or "-scale-" in i]
