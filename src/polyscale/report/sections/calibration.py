"""Calibration: are answers right as often as their probabilities say?"""

from markupsafe import Markup

from polyscale.report.numbers import percent
from polyscale.report.plot import Plot, Series, place
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import sides_of
from polyscale.stats import Reliability, reliability


def calibration_section(run: Run) -> Markup | None:
    """A reliability curve of each candidate that the answer is about."""
    found = reliabilities(run)
    if not found:
        return None
    charts = {name: _plot(run, name, curve) for name, curve in found.items()}
    return render("calibration.html", run=run, found=found, charts=charts)


def reliabilities(run: Run) -> dict[str, Reliability]:
    """Reliability of the candidates that verdicts are about; of all if there is no verdict."""
    images = run.images
    shown = {role.candidate for sides in sides_of(run) for role in sides.roles}
    return {
        name: reliability(confidence, images.correct[name])
        for name, confidence in images.confidence.items()
        if name in shown or not shown
    }


def _plot(run: Run, name: str, curve: Reliability) -> Plot:
    known = curve.num_images > 0
    confidence, accuracy = curve.confidence[known].tolist(), curve.accuracy[known].tolist()
    colour = run.styles[run.rows[name].family].css
    return place(
        [
            Series(x=[0, 1], y=[0, 1], style="random", colour="var(--quiet)"),
            Series(
                x=confidence, y=accuracy, low=accuracy, high=accuracy, style="solid", colour=colour
            ),
        ],
        x_label="probability of the answer",
        x_pad=0.04,
        x_text=lambda share: percent(share).replace(".0", ""),
        y_text=lambda share: percent(share).replace(".0", ""),
    )
