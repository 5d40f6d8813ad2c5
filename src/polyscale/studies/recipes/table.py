"""The recipes: Tables 5, 6, 7, 11 and 12 and Figure 8 of Shi et al. 2024 (arXiv 2403.13043v2).

They are written in two files beside this one. `checkpoints.csv` has a line for each checkpoint and
size of tile. Sizes of files and licences are those of the hub when it was written; multiply-adds
and parameters are counted by `polyscale.operator.cost`, and a test counts them again.

`recipes.json` has the data sets, each with the options and the procedure of its recipes, and the
recipes with what is special about them. `@NAME` in a procedure stands for the notes of that name.
Candidates and figures come from the paper's tables (`polyscale.data.published`): those of the data
set's table, or scale 1 of the smallest model and a `variant` of S² from the table of ablations.
The paper shows ConvNeXt in `curves` alone, without figures.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from importlib.resources import files
from typing import Any

from polyscale.data.published import load_paper
from polyscale.errors import InputError, near_matches
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.mask2former import MASK2FORMER_PAPER, MASK2FORMER_PAPER_TRAINING
from polyscale.learning.heads.dense.views import ViewSettings
from polyscale.learning.heads.dense.vpd import VPD_PAPER, VPD_PAPER_TRAINING
from polyscale.studies.recipes.recipe import Checkpoint, Entry, Recipe, RecipeData

HEADS: Mapping[str, Mapping[str, Any]] = {
    "mask2former": {
        "head_options": MASK2FORMER_PAPER,
        "training": MASK2FORMER_PAPER_TRAINING,
        "views": ViewSettings(windows="slide"),
    },
    "vpd": {
        "head_options": VPD_PAPER,
        "training": VPD_PAPER_TRAINING,
        "views": ViewSettings(windows="slide", flip=True),
    },
}
"""The paper's heads for every pixel → how they are trained and tested."""

RESIZE = {"mask2former": (0.5, 2.0), "vpd": (1.0, 1.0)}
"""Factors of the augmentation. A larger picture looks nearer while its depth stays."""


def get_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InputError: if there is none; the message names close matches.
    """
    if name not in RECIPES:
        raise InputError(
            f"recipe must be one of {', '.join(RECIPES)}, but got {name!r}."
            f"{near_matches(name, RECIPES)}"
        )
    return RECIPES[name]


def _read(name: str) -> str:
    return (files("polyscale.studies.recipes") / name).read_text(encoding="utf-8")


def _checkpoints() -> Iterator[Checkpoint]:
    for line in csv.DictReader(_read("checkpoints.csv").splitlines()):
        yield Checkpoint(**{f.name: f.type(line[f.name]) for f in fields(Checkpoint)})  # type: ignore[operator]


def _recipe(row: Mapping[str, Any]) -> Recipe:
    about = TABLES["data"][row["data"]]
    common = {key: about[key] for key in ("options", "stated", "chosen")}
    data = RecipeData(scheme=row["data"], **{k: v for k, v in about.items() if k not in common})
    options = {**common["options"], **row.get("options", {})}
    if head := options.get("head"):
        crop_hw = (row["crop_px"], row["crop_px"])
        augment = AugmentSettings(crop_hw=crop_hw, resize=RESIZE[head])
        options |= {**HEADS[head], "augment": augment}
    return Recipe(
        name=row["name"],
        place=row["place"],
        data=data,
        entries=tuple(_entries(row, data.task)),
        finding=row["finding"],
        options={k: tuple(v) if isinstance(v, list) else v for k, v in options.items()},
        stated=tuple(_notes([*common["stated"], *row.get("stated", [])])),
        chosen=tuple(_notes([*common["chosen"], *row.get("chosen", [])])),
    )


def _entries(row: Mapping[str, Any], table: str) -> Iterator[Entry]:
    """The candidates, in the paper's order."""
    family = row["family"]
    if family == "ConvNeXt":
        for model, curve in TABLES["curves"].items():
            checkpoint = CHECKPOINTS[family, model, row.get("crop_px", 224)]
            yield from (Entry(checkpoint=checkpoint, scales=tuple(scales)) for scales in curve)
        return
    lines = [r for r in load_paper(table) if r.family == family and r.method in ("single", "s2")]
    if variant := row.get("variant"):
        lines[1:] = [r for r in load_paper("ablation") if (r.family, r.method) == (family, variant)]
    for line in lines:
        if line.tile_px is not None:
            checkpoint = CHECKPOINTS[family, line.model, line.tile_px]
            scales = tuple(int(scale) for scale in line.scales)
            yield Entry(checkpoint=checkpoint, scales=scales, published=line.value)


def _notes(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield from TABLES["notes"][line[1:]] if line.startswith("@") else (line,)


TABLES = json.loads(_read("recipes.json"))
CHECKPOINTS = {(c.family, c.model, c.tile_px): c for c in _checkpoints()}
"""Family, model and side of the tiles in pixels → the checkpoint."""

RECIPES: Mapping[str, Recipe] = {row["name"]: _recipe(row) for row in TABLES["recipes"]}
"""Every recipe by its name."""
