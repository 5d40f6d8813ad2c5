import pytest

from polyscale.report.plot import BOTTOM, LEFT, RIGHT, TOP, Series, place


def corners(path):
    return [tuple(map(float, pair.split())) for pair in path[1:].split("L")]


def test_a_line_spans_the_frame_and_ticks_are_where_they_say():
    plot = place(
        [Series(x=[10, 20, 30], y=[0.5, 0.7, 0.6], style="solid")],
        x_label="cost",
        x_text="{:g}".format,
        y_text="{:.0%}".format,
        mark=(20, 0.7),
    )
    ((_, path, _),) = plot.lines
    (x0, y0), (x1, y1), (x2, _) = corners(path)
    assert (x0, x2) == (LEFT, RIGHT)
    assert TOP <= y1 < y0 <= BOTTOM
    assert plot.mark == (x1, y1)
    assert (y0, "50%") in plot.y_ticks
    assert (x1, "20") in plot.x_ticks


def test_a_logarithmic_axis_puts_equal_factors_at_equal_steps():
    plot = place(
        [Series(x=[1, 2, 4], y=[0.1] * 3, low=[0.05] * 3, high=[0.2] * 3, style="one")],
        x_label="images",
        x_text="{:g}".format,
        y_text="{:g}".format,
        x_at=[1, 2, 4],
    )
    first, second, third = (at for at, _ in plot.x_ticks)
    assert second - first == pytest.approx(third - second)
    for _, middle, low, high in plot.lines[0][2]:
        assert high < middle < low  # upwards is less
