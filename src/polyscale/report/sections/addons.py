"""Budgets, cascades, controls and other probes."""

from collections.abc import Mapping

from markupsafe import Markup

from polyscale.records import Cascade, Probes, Shots, SweetSpot
from polyscale.report.numbers import AXES, Axis, interval_limit
from polyscale.report.plot import Plot, Series, place
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.stats import sweet_spots_by_axis

CONTROLS = {
    "untiled": "one large tile, so that nothing is cut",
    "mean": "scales averaged, so that features are no wider",
    "equal_width": "all scales, projected to the width of one",
}
FEATURES = {"cls": "class token", "mean": "mean of map", "both": "both"}
"""Pooled features that a linear probe is given: their key, and the title of a column."""


FewShot = tuple[Plot, tuple[int, ...], Mapping[str, Mapping[int, Shots]]]
"""Curves; the numbers of images of each class; candidate → number of images → values."""


def budgets_section(run: Run) -> Markup | None:
    """The section that recommends a candidate for each budget; None without a choice."""
    ranges = budgets(run)
    return render("budgets.html", run=run, budgets=ranges) if ranges else None


def budgets(run: Run) -> list[tuple[Axis, list[SweetSpot]]]:
    """For each kind of cost, the best candidate in each range, judged on training images."""
    if len(run.results) < 2 or not run.results[0].num_train or not run.task.held_out:
        return []
    return [
        (AXES[axis], ranges)
        for axis, ranges in sweet_spots_by_axis(run.results, run.errors).items()
    ]


def cascades_section(run: Run) -> Markup | None:
    """Each cascade with its curve, random choice and the chosen point.

    Cascades by time are left out if the times of the run must not be compared.
    """
    charts = [
        (cascade, axis, _cascade_plot(run, cascade, axis))
        for cascade, axis in ((cascade, AXES[cascade.axis]) for cascade in run.cascades)
        if len(cascade.cost) > 1 and cascade.large in run.costs(axis)
    ]
    return render("cascades.html", run=run, charts=charts) if charts else None


def _cascade_plot(run: Run, cascade: Cascade, axis: Axis) -> Plot:
    chosen, cost = cascade.chosen, cascade.cost
    return place(
        [
            Series(x=cost, y=cascade.random_accuracy, style="random", colour="var(--quiet)"),
            Series(x=cost, y=cascade.accuracy, style="solid"),
        ],
        x_label=f"mean {axis.noun} of an image",
        x_text=axis.tick,
        y_text=run.words.tick,
        mark=(chosen.cost, chosen.accuracy) if chosen else None,
    )


def controls_section(run: Run) -> Markup | None:
    """Each candidate minus its control; the files hold the control minus the candidate."""
    if not run.controls:
        return None
    limit = interval_limit((c.diff_low or 0, c.diff_high or 0) for c in run.controls)
    return render("controls.html", run=run, limit=limit, what=CONTROLS)


def probes_section(run: Run) -> Markup | None:
    """Results of other heads on the same features."""
    if not run.probes:
        return None
    found = sorted({kind for probes in run.probes.values() for kind in probes.features})
    kinds = [
        *(kind for kind in FEATURES if kind in found),
        *(k for k in found if k not in FEATURES),
    ]
    titles = {kind: FEATURES.get(kind, kind) for kind in kinds}
    return render("probes.html", run=run, kinds=titles, few_shot=few_shot(run, run.probes))


def few_shot(run: Run, probes: Mapping[str, Probes]) -> FewShot | None:
    """Each candidate's metric by the number of labelled images of each class."""
    rows = {
        name: {point.shots: point for point in probes[name].few_shot if point.mean is not None}
        for name in run.rows
        if name in probes
    }
    shots = tuple(sorted({n for points in rows.values() for n in points}))
    if not shots:
        return None
    lines = []
    for name, points in rows.items():
        if points:
            result = run.rows[name]
            ordered = sorted(points.values(), key=lambda p: p.shots)
            lines.append(
                Series(
                    x=[p.shots for p in ordered],
                    y=[p.mean or 0 for p in ordered],
                    low=[_end(p, p.low) for p in ordered],
                    high=[_end(p, p.high) for p in ordered],
                    style="several" if len(result.scales) > 1 else "one",
                    colour=run.styles[result.family].css,
                )
            )
    plot = place(
        lines,
        x_label="labelled images of each class",
        x_text=lambda n: f"{n:g}",
        x_at=shots,
        y_text=run.words.tick,
    )
    return plot, shots, rows


def _end(point: Shots, end: float | None) -> float:
    """An end of the range over draws; the mean if there is only one draw."""
    return (point.mean or 0) if end is None else end
