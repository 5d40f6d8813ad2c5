"""An experiment of the paper as data: which checkpoints, at which scales, how."""

from dataclasses import dataclass
from typing import Literal

from polyscale.types.backbone import Source
from polyscale.types.candidate import Candidate


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights that a recipe names.

    Attributes:
        source: what `load` takes.
        repository: on the Hugging Face hub; its last part is the name of a local folder of them.
        model: as the paper's tables call it.
        tile_px: side of a tile, where it is not the model's own.
        dim: channels of its features.
        has_cls: whether a class token comes with them.
        tile_gmacs: 10⁹ multiply-adds of one tile, by our own counter.
        params_m: millions of parameters of the part that sees.
        download_gb: 10⁹ bytes of the file of weights, about.
        licence: of the weights, as their card says it.
    """

    source: str
    repository: str
    model: str
    tile_px: int | None = None
    dim: int
    has_cls: bool = True
    tile_gmacs: float
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
        return place if self.tile_px is None else f"{place}?tile={self.tile_px}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One candidate of a recipe.

    Attributes:
        checkpoint: the weights.
        scales: relative to the tile.
        top1: per cent, as the paper prints it; None where it prints a curve.
    """

    checkpoint: Checkpoint
    scales: tuple[float, ...]
    top1: float | None

    def candidate(self, weights_dir: str | None = None) -> Candidate:
        """What the study compares."""
        return Candidate(self.checkpoint.at(weights_dir), self.scales)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An experiment of the paper.

    Attributes:
        name: what the user calls it.
        place: in the paper.
        entries: what is compared.
        finding: what the paper concludes, in our words.
        protocol: of the probe.
        source: what larger scales are resized from.
        dtype: what backbones compute in.
        stated: what the paper says of the procedure.
        chosen: what it leaves open, and what we take.
    """

    name: str
    place: str
    entries: tuple[Entry, ...]
    finding: str
    protocol: Literal["paper"] = "paper"
    source: Source = "base"
    dtype: Literal["auto", "fp32"] = "fp32"
    stated: tuple[str, ...]
    chosen: tuple[str, ...]

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each once."""
        return tuple(dict.fromkeys(entry.checkpoint for entry in self.entries))
