"""Repeats a finished comparison from its cached features, to find hard examples."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from polyscale.errors import InputError
from polyscale.records import CONFIG_FILE, is_run, read_config
from polyscale.studies.compare import ComparePlan, family_of, parse_families, plan_compare
from polyscale.tasks import get_task, make_settings
from polyscale.types import Candidate, Progress, silent

NOT_AGAIN: dict[str, Any] = {
    "why": False,
    "probes": False,
    "controls": False,
    "repeats": 0,
    "costs": False,
}
"""Settings that leave out what the run has already found."""


def plan_hard(
    run: str | Path,
    *,
    base: str | None = None,
    s2: str | None = None,
    larger: str | None = None,
    image_cache: str | Path | None = None,
    progress: Progress = silent,
) -> ComparePlan:
    """Plan to repeat the comparison of a run, with hard examples instead of costs and add-ons.

    Args:
        run: folder that `polyscale compare` wrote.
        base: the small model at scale 1, as `SOURCE@1`. Give `base`, `s2` and `larger`, or none of
            them: then all candidates of the run are compared, and its verdicts say which three.
        s2: the same model at several scales.
        larger: a larger model at scale 1.
        image_cache: folder that keeps what was found in images for later runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if the run cannot be repeated or is not of classification, or the three
            candidates do not belong together.
        MissingExtraError: if a package is not installed.
    """
    config = _read(Path(run))
    task = get_task(config.pop("task"))
    if "hard" not in {field.name for field in fields(task.settings_type)}:
        raise InputError(
            f"run must be of classification, but {str(run)!r} is of {task.name}. Name another run."
        )
    data, candidates = config.pop("data"), config.pop("candidates")
    family = parse_families(config.pop("family", ()))
    settings: Any = make_settings(task.settings_type, config, task=task.name)
    if (base, s2, larger) != (None, None, None):
        candidates, family = _named(base, s2, larger)
    return plan_compare(
        data,
        candidates,
        replace(settings, hard=True, **NOT_AGAIN),
        task=task,
        family=family,
        image_cache=image_cache,
        progress=progress,
    )


def _read(run: Path) -> dict[str, Any]:
    """The options of a finished run, by their names on the command line.

    Raises:
        InputError: if the folder is no run, or nothing can repeat it.
    """
    if not is_run(run):
        raise InputError(
            f"run must be the folder of a finished comparison, but {str(run)!r} is not. "
            "Name what was given to polyscale compare as --out."
        )
    if not (run / CONFIG_FILE).is_file():
        raise InputError(
            f"run must hold {CONFIG_FILE}, by which it can be repeated, but {str(run)!r} does not: "
            "its models or data were loaded in Python. Repeat the comparison in Python, with "
            "hard=True in the settings."
        )
    config = read_config(run / CONFIG_FILE)
    if missing := [name for name in ("data", "candidates", "task") if name not in config]:
        raise InputError(
            f"{CONFIG_FILE} of {str(run)!r} must hold {missing[0]}, but does not. "
            "Run polyscale compare again."
        )
    return config


def _named(
    base: str | None, s2: str | None, larger: str | None
) -> tuple[list[Candidate], dict[str, list[str]]]:
    """The three candidates that the user names, and the family that they form.

    Raises:
        InputError: if one is missing, or they are not a model at scale 1, the same model at several
            scales, and another model at scale 1.
    """
    if base is None or s2 is None or larger is None:
        missing = [n for n, v in {"base": base, "s2": s2, "larger": larger}.items() if v is None]
        raise InputError(
            f"base, s2 and larger must be given together, but {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Name all three, or none."
        )
    trio = [Candidate.parse(text) for text in (base, s2, larger)]
    small, several, large = trio
    fits = small.scales == large.scales == (1,) and len(several.scales) > 1
    if not fits or small.backbone != several.backbone or small.backbone == large.backbone:
        raise InputError(
            "base, s2 and larger must be a model at scale 1, the same model at several scales, and "
            f"another model at scale 1, but got {', '.join(map(str, trio))}. "
            "Example: --base pip:efficientnet_lite0@1 --s2 pip:efficientnet_lite0@1,2 "
            "--larger pip:efficientnet_lite2@1"
        )
    return trio, {family_of(small.backbone): [small.backbone, large.backbone]}
