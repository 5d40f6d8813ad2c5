"""A study from Python in one call."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from polyscale.comparison import Comparison, of_study
from polyscale.progress import progress_bars
from polyscale.studies import (
    Candidates,
    Progress,
    plan_compare,
    plan_reconstruct,
    run_and_explain,
    run_reconstruct,
)
from polyscale.tasks import RunSettings, Task
from polyscale.tasks.reconstruction import ReconstructionSettings


def compare(
    data: Any,
    candidates: Candidates,
    *,
    task: Task | str | None = None,
    settings: RunSettings | None = None,
    family: Mapping[str, Sequence[str]] | None = None,
    cache: str | Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress | None = None,
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
        progress: called with the progress of each step; None shows bars, or lines where there is
            no terminal. `polyscale.studies.silent` shows nothing.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
        RunError: if every candidate fails, or the disk refuses.
    """
    cache = None if cache is None else Path(cache)
    with progress_bars() if progress is None else nullcontext(progress) as told:
        plan = plan_compare(
            data,
            candidates,
            settings,
            task=task,
            family=family,
            image_cache=cache,
            progress=told,
        )
        study = run_and_explain(
            plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=told
        )
    return of_study(study)


def reconstruct(
    data: Any,
    target: Candidates,
    candidates: Candidates,
    *,
    upper: "Candidates | None" = None,
    settings: ReconstructionSettings | None = None,
    cache: str | Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """What a larger model has that smaller ones, or several scales of them, lack (section 4.2).

    One linear map is fitted from the features of each candidate to those of the target, for every
    place of the image. The value of a candidate is its information on the test images,
    -log2(loss / loss of the best constant) in bits; `reconstruction` of the result holds the rows
    for both splits, with shares of the upper bound.

    Args:
        data: as for `compare`, for whatever task; or `folder:PATH` of images without classes.
        target: the larger model whose features are predicted; given as for `compare`.
        candidates: what they are predicted from.
        upper: the upper bound: a model with more capacity than the target; None for none.
        settings: everything else that the numbers depend on.
        cache: as for `compare`.
        cache_limit_bytes: likewise.
        progress: likewise.

    Raises:
        InputError: if an argument breaks its rule; no model has run then, unless features do not
            vary.
        MissingExtraError: if a package is not installed.
        RunError: if every candidate fails, or the disk refuses.
    """
    cache = None if cache is None else Path(cache)
    with progress_bars() if progress is None else nullcontext(progress) as told:
        plan = plan_reconstruct(
            data,
            target,
            candidates,
            upper=upper,
            settings=settings,
            image_cache=cache,
            progress=told,
        )
        study = run_reconstruct(
            plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=told
        )
    return of_study(study)
