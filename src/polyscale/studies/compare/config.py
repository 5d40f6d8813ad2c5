"""`compare.toml`: the options that repeat a run."""

import json
from importlib.metadata import version
from typing import Any

from polyscale.studies.compare.plan import ComparePlan
from polyscale.tasks import given_options, make_settings

HEADER = """\
# polyscale {version}. To repeat this run:
#   polyscale compare --config compare.toml --out FOLDER
"""


def config_text(plan: ComparePlan) -> str | None:
    """The TOML file that repeats a run; None where no command line can repeat it.

    That is so for models and data that were loaded in Python, and for settings without an option.
    """
    settings, task = plan.settings, plan.task.name
    options = given_options(settings)
    if plan.data_source is None or plan.live:
        return None
    if make_settings(type(settings), options, task=task) != settings:
        return None
    candidates = [str(candidate) for candidate in plan.candidates]
    families = plan.facts["families"] or {}
    family = [f"{name}={','.join(members)}" for name, members in families.items()]
    values = {"data": plan.data_source, "candidates": candidates, "task": task, **options}
    values |= {"family": family} if family else {}
    lines = (f"{name} = {_to_toml(value)}\n" for name, value in values.items())
    return HEADER.format(version=version("polyscale")) + "".join(lines)


def _to_toml(value: Any) -> str:
    """Numbers, texts and lists of texts are written in TOML as they are in JSON."""
    if isinstance(value, list):
        return "[\n" + "".join(f"    {_to_toml(each)},\n" for each in value) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f")
