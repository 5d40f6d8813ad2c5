"""An experiment of the paper as data: which checkpoints, at which scales, how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyscale.types.backbone import Source
from polyscale.types.candidate import Candidate


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights that a recipe names, and the tiles that it runs them on.

    Attributes:
        source: what `load` takes.
        repository: on the Hugging Face hub; its last part is the name of a local folder of them.
        model: as the paper's tables call it.
        own_px: side of a tile that the weights are for.
        tile_px: side of a tile of the recipe.
        cell_px: side of what one cell of the map shows: patch or stride.
        dim: channels of its features.
        has_cls: whether a class token comes with them.
        tile_gmacs: 10⁹ multiply-adds of one tile, by our own counter.
        large_gmacs: (scale, 10⁹ multiply-adds of one tile so many times as large), for scales that
            are run without tiles.
        params_m: millions of parameters of the part that sees.
        download_gb: 10⁹ bytes of the file of weights, about.
        licence: of the weights, as their card says it.
    """

    source: str
    repository: str
    model: str
    own_px: int = 224
    tile_px: int = 224
    cell_px: int
    dim: int
    has_cls: bool = True
    tile_gmacs: float
    large_gmacs: tuple[tuple[float, float], ...] = ()
    params_m: float
    download_gb: float
    licence: str

    @property
    def folder(self) -> str:
        """Name of a local folder of these weights."""
        return self.repository.rpartition("/")[2]

    def at(self, weights_dir: str | None = None) -> str:
        """The source on the hub, or in a folder of local weights."""
        scheme = self.source.partition(":")[0]
        place = self.source if weights_dir is None else f"{scheme}:{weights_dir}/{self.folder}"
        return place if self.tile_px == self.own_px else f"{place}?tile={self.tile_px}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One candidate of a recipe.

    Attributes:
        checkpoint: the weights.
        scales: relative to the tile.
        printed: the metric as the paper prints it, shares in per cent; None where it prints a curve
            or nothing.
    """

    checkpoint: Checkpoint
    scales: tuple[float, ...]
    printed: float | None

    def candidate(self, weights_dir: str | None = None) -> Candidate:
        """What the study compares."""
        return Candidate(self.checkpoint.at(weights_dir), self.scales)


@dataclass(frozen=True, kw_only=True)
class RecipeData:
    """The data set of a recipe.

    Attributes:
        scheme: in front of the path.
        name: as the paper calls it.
        holds: what lies at the path, in words.
        num_train: images.
        num_test: images.
        num_classes: 0 where there are none.
        image_hw: size of a typical image in pixels.
        head_arguments: what a head must know of it.
    """

    scheme: str
    name: str
    holds: str
    num_train: int
    num_test: int
    num_classes: int = 0
    image_hw: tuple[int, int]
    head_arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An experiment of the paper.

    Attributes:
        name: what the user calls it.
        place: in the paper.
        data: what it is done on.
        task: "classification", "segmentation" or "depth".
        metric: a key of `METRICS`.
        measure: the metric as the paper calls it.
        entries: what is compared.
        finding: what the paper concludes, in our words.
        options: of the settings of the task's study, besides the task.
        stated: what the paper says of the procedure.
        chosen: what it leaves open, and what we take.
    """

    name: str
    place: str
    data: RecipeData
    task: str
    metric: str
    measure: str
    entries: tuple[Entry, ...]
    finding: str
    options: Mapping[str, Any]
    stated: tuple[str, ...]
    chosen: tuple[str, ...]

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each once; weights that are run on tiles of two sizes are two."""
        return tuple(dict.fromkeys(entry.checkpoint for entry in self.entries))

    @property
    def repositories(self) -> tuple[Checkpoint, ...]:
        """One checkpoint for each repository."""
        return tuple({c.repository: c for c in reversed(self.checkpoints)}.values())[::-1]

    @property
    def source(self) -> Source:
        """What larger scales are resized from."""
        return self.options["source"]
