"""A comparison from Python: the study and its report, which are different layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyscale import studies
from polyscale.errors import RunError, first_line
from polyscale.report import write_report
from polyscale.studies import (
    REPORT_FILES,
    Candidates,
    Progress,
    check_out,
    is_finished,
    new_run,
    plan_compare,
    run_compare,
    silent,
)
from polyscale.tasks import RunSettings, Task


@dataclass(frozen=True, kw_only=True)
class Comparison(studies.Comparison):
    """Candidates on the same images; `report` writes their report."""

    def report(self, out: str | Path) -> Path:
        """Write the run and its report, as `polyscale compare --out` does.

        Args:
            out: a new folder, or one that holds this very run, which is left as it is.

        Returns:
            The path of `report.html`.

        Raises:
            InputError: if the folder holds anything else.
            RunError: if the disk refuses, or the report fails; the run is kept then.
        """
        out = Path(out)
        check_out(out)
        if not is_finished(out, self.plan.facts, self.plan.files):
            with new_run(out) as folder:
                self.save(folder)
        return complete_report(out)


def complete_report(out: Path) -> Path:
    """Write the report of a finished run that has none yet.

    Returns:
        The path of `report.html`.

    Raises:
        RunError: if that fails; the run is kept.
    """
    if not all((out / name).is_file() for name in REPORT_FILES):
        try:
            write_report(out)
        except Exception as error:
            raise RunError(
                f"report of {str(out)!r} cannot be written ({first_line(error)}), but the run is "
                f"finished and kept. To try again, run: polyscale report {out}"
            ) from error
    return out / "report.html"


def compare(
    data: Any,
    candidates: Candidates,
    *,
    task: Task | str | None = None,
    settings: RunSettings | None = None,
    family: Mapping[str, Sequence[str]] | None = None,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare candidates on images with targets.

    Features are extracted once for each backbone and scale. For each candidate, a head is trained
    on the features of its scales and judged on the test images.

    Args:
        data: data that the task can load, such as `rooms`, `folder:PATH`, `csv:PATH`, `hf:NAME`
            or `pairs:PATH`; or data that are already loaded.
        candidates: names `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`, and models of
            your own: a `MultiScale` with its scales; a live model, a `Backbone` or any function of
            tiles that `wrap` takes, at scale 1. `{"NAME": model}` names a model; a list in place
            of the model holds the same one at several sets of scales. Models run in evaluation
            mode, and have their own mode and device again afterwards.
        task: a `polyscale.tasks.Task`, or its name; None is the task to which the settings belong,
            and classification without settings.
        settings: everything else that the numbers depend on, for example
            `SegmentationSettings(head="knn")`; None takes the defaults of the task.
        family: name of a family → its models, by their names without scales, for example
            `{"nets": ["small", "large"]}`. A verdict needs a smaller and a larger model of one
            family, which is otherwise guessed from their names.
        cache: folder where features and the results of inspecting images are kept between runs;
            None keeps nothing.
        cache_limit_bytes: limit of the size of the features there; None sets no limit.
        progress: called with the progress of each step.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
        RunError: if every candidate fails, or the disk refuses.
    """
    plan = plan_compare(
        data,
        candidates,
        settings,
        task=task,
        family=family,
        image_cache=cache,
        progress=progress,
    )
    study = run_compare(plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress)
    return Comparison(**vars(study))
