"""Recipes of Tables 1, 8 and 9: LLaVA-1.5 with towers of one and of several scales, on V*.

`multimodal.json` beside this file has language models, stages and procedure; figures come from the
paper's tables (`polyscale.data.published`). The stages are those of LLaVA's own scripts for v1.5.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import ceil
from typing import Any

from polyscale.data.published import PaperRow, load_paper
from polyscale.studies.recipes.recipe import Checkpoint, weights_folder
from polyscale.studies.recipes.size import count_tiles
from polyscale.studies.recipes.table import CHECKPOINTS

CATEGORIES = {"vstar_attributes": "direct_attributes", "vstar_spatial": "relative_position"}
"""What the paper prints of V* → the folder of these questions."""

VSTAR = "vstar_bench"
"""Folder of V* beside the conversations."""


@dataclass(frozen=True, kw_only=True)
class LanguageWeights:
    """A language model.

    Attributes:
        repository: on the Hugging Face hub; its last part names the folder of local weights.
        width: of its tokens, which the projector makes.
        params_m: millions of parameters.
        download_gb: approximate size of the weights in 10⁹ bytes.
        licence: of the weights.
    """

    repository: str
    width: int
    params_m: float
    download_gb: float
    licence: str

    @property
    def folder(self) -> str:
        """Name of the folder in which local weights are expected."""
        return weights_folder(self.repository)


@dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """One of the trainings.

    Attributes:
        name: "stage 1" or "stage 2".
        conversations: file of LLaVA's JSON format in the folder of the data.
        images: folder that its pictures are named from.
        num_conversations: in the file.
        training: settings that `polyscale.language.training` takes.
    """

    name: str
    conversations: str
    images: str
    num_conversations: int
    training: Mapping[str, Any]

    @property
    def batch(self) -> int:
        """Sequences of a step."""
        return self.training["batch_size"] * self.training["accumulate"]

    @property
    def num_steps(self) -> int:
        """Of the optimiser, over all conversations."""
        return ceil(self.num_conversations * self.training["epochs"] / self.batch)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One candidate: a tower at some scales.

    Attributes:
        checkpoint: the tower.
        scales: sizes relative to its tile.
        published: benchmark → what the paper prints, in per cent or points.
    """

    checkpoint: Checkpoint
    scales: tuple[float, ...]
    published: Mapping[str, float]

    def __str__(self) -> str:
        return f"{self.checkpoint.repository}@{','.join(f'{s:g}' for s in self.scales)}"

    @property
    def num_tokens(self) -> int:
        """Tokens of a picture that the language model reads: the grid of one tile."""
        rows, columns = self.checkpoint.grid_hw
        return rows * columns

    @property
    def num_channels(self) -> int:
        """What the projector reads of each token."""
        return self.checkpoint.dim * len(self.scales)


@dataclass(frozen=True, kw_only=True)
class ArmSize:
    """What a tower costs for one picture.

    Attributes:
        num_tiles: passes of the backbone.
        macs: multiply-adds of all of them, counted by `polyscale.operator.cost`.
        projector_params: parameters of the projector.
        kept_bytes: one picture's features on the disk, in 16 bits.
    """

    num_tiles: int
    macs: float
    projector_params: int
    kept_bytes: int


@dataclass(frozen=True, kw_only=True)
class MultimodalRecipe:
    """An experiment of the paper with a multimodal language model.

    Attributes:
        name: its name on the command line.
        place: where in the paper it is.
        language: the language model.
        arms: the candidates, in the paper's order.
        stages: trainings, one after the other, of each candidate.
        finding: the paper's conclusion, in our words.
        released: repository of the checkpoint of several scales that the authors trained, if any.
        image_mode: how pictures become squares.
        protocol: how V* is scored.
        stated: what the paper and LLaVA's scripts say about the procedure.
        chosen: what they leave open, and what is done here.
    """

    name: str
    place: str
    language: LanguageWeights
    arms: tuple[Arm, ...]
    stages: tuple[StageRecipe, ...]
    finding: str
    released: str | None
    image_mode: str = "crop"
    protocol: str = "likelihood"
    stated: tuple[str, ...]
    chosen: tuple[str, ...]

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each tower once."""
        return tuple(dict.fromkeys(arm.checkpoint for arm in self.arms))

    def size(self, arm: Arm) -> ArmSize:
        """Count what an arm costs for one picture."""
        num_tiles, macs = count_tiles(arm.checkpoint, arm.scales)
        width = self.language.width
        return ArmSize(
            num_tiles=num_tiles,
            macs=macs,
            projector_params=(arm.num_channels + 1) * width + (width + 1) * width,
            kept_bytes=2 * arm.num_tokens * arm.num_channels,
        )


def _recipe(row: Mapping[str, Any], tables: Mapping[str, Any]) -> MultimodalRecipe:
    stages = (
        StageRecipe(**{**stage, "training": {**tables["training"], **stage["training"]}})
        for stage in tables["stages"]
    )
    return MultimodalRecipe(
        name=row["name"],
        place=row["place"],
        language=LanguageWeights(**tables["language"][row["language"]]),
        arms=tuple(_arms(row)),
        stages=tuple(stages),
        finding=row["finding"],
        released=row.get("released"),
        stated=tuple(tables["stated"]),
        chosen=(*tables["chosen"], *row.get("chosen", ())),
    )


def _arms(row: Mapping[str, Any]) -> Iterator[Arm]:
    """The candidates of a recipe, each from its lines in the paper's table."""
    lines: dict[tuple[str, tuple[float, ...]], list[PaperRow]] = {}
    for line in load_paper("multimodal"):
        if line.family == row["family"] and (
            line.family == "OpenCLIP" or line.note.startswith(f"{row['language']};")
        ):
            lines.setdefault((line.model, line.scales), []).append(line)
    for (model, scales), found in lines.items():
        tile_px = found[0].tile_px
        assert tile_px is not None
        yield Arm(
            checkpoint=CHECKPOINTS[row["family"], model, tile_px],
            scales=scales,
            published={line.task: line.value for line in found if line.value is not None},
        )


def _read() -> Iterator[MultimodalRecipe]:
    file = files("polyscale.studies.recipes") / "multimodal.json"
    tables = json.loads(file.read_text(encoding="utf-8"))
    for row in tables["recipes"]:
        yield _recipe(row, tables)


MULTIMODAL: Mapping[str, MultimodalRecipe] = {recipe.name: recipe for recipe in _read()}
"""Every recipe of a multimodal language model by its name."""
