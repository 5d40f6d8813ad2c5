"""How much of a larger model's features is a linear function of other models' (paper, 4.2)."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from polyscale.records.codec import Count, NotNegative, Positive, PositiveCount, Record, Share

RESIDUALS_FILE = "residuals.parquet"

QUANTILES = tuple(number / 20 for number in range(21))
"""Shares of channels at which `ReconstructionRow.r2` tells R²: 0, 0.05 … 1."""


@dataclass(frozen=True, kw_only=True)
class ReconstructionRow(Record):
    """A candidate on one split; it learns from the training images in either case.

    Attributes:
        candidate: what the target is reconstructed from.
        split: of which the figures are.
        loss: mean squared error of the linear map, over all tokens and channels.
        loss_constant: the same of the best constant of this split.
        info_bits: -log2(loss / loss_constant); `info_low` and `info_high` are the ends of its 95 %
            interval over images.
        ratio: information over that of the upper bound, with its interval; None without an upper
            bound, or if that has no information.
        r2: R² of the target's channels: its quantiles at 0, 5 … 100 % of them.
        cka: linear CKA of both models' features.
        explained: share of the target's variance that is explained in each range of `ranks`; below
            0 where a map does worse than a constant.
        resampled: how the candidate's map is brought to the target's grid.
    """

    candidate: str
    split: Literal["train", "test"]
    loss: NotNegative
    loss_constant: Positive
    info_bits: float
    info_low: float
    info_high: float
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    r2: tuple[float, ...]
    cka: Share
    explained: tuple[float, ...]
    resampled: str


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Record):
    """What can be reconstructed of a target: the content of `reconstruction.json`.

    Attributes:
        target: the model whose features are reconstructed, and its scales.
        target_dim: channels of its features.
        grid_hw: cells of its maps, to which all candidates are brought.
        upper: the candidate that is the upper bound; None where there is none.
        num_images: images of each split, training first.
        num_tokens: tokens of each split.
        ranks: of the target's principal directions, from 1: where each range begins. The directions
            are those of the training images.
        variance: share of the target's variance on the training images in each range.
        notes: what a reader must know of the choice of models, as sentences.
        rows: two for each candidate.
    """

    target: str
    target_dim: PositiveCount
    grid_hw: tuple[PositiveCount, PositiveCount]
    upper: str | None = None
    num_images: tuple[Count, Count]
    num_tokens: tuple[Count, Count]
    ranks: tuple[PositiveCount, ...]
    variance: tuple[float, ...]
    notes: tuple[str, ...] = ()
    rows: tuple[ReconstructionRow, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.ranks), len(self.variance), *(len(row.explained) for row in self.rows)}
        if len(lengths) > 1 or any(len(row.r2) != len(QUANTILES) for row in self.rows):
            raise ValueError("must hold lists of one length, but they differ")

    def of(self, split: str) -> dict[str, ReconstructionRow]:
        """Candidate → its row of a split."""
        return {row.candidate: row for row in self.rows if row.split == split}


@dataclass(frozen=True, kw_only=True)
class ResidualPicture:
    """A row of `residuals.parquet`: where in a test image something is left unexplained.

    Attributes:
        id: of the image.
        candidate: what the target is reconstructed from; None in the row of the picture itself.
        bytes: JPEG of the picture; empty for candidates.
        height: cells of the map; 0 for the picture.
        width: likewise.
        losses: loss of each cell over that of the best constant, row by row; empty for the picture.
    """

    id: str
    candidate: str | None
    bytes: bytes
    height: int
    width: int
    losses: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class FoundReconstruction:
    """A reconstruction, and pictures of what is left unexplained."""

    record: Reconstruction
    pictures: tuple[ResidualPicture, ...]

    def write_pictures(self, folder: Path) -> None:
        """Write `residuals.parquet` into the folder of a run."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        text, count = pa.string(), pa.int64()
        columns = {"id": text, "candidate": text, "bytes": pa.binary()}
        columns |= {"height": count, "width": count, "losses": pa.list_(pa.float64())}
        rows = [asdict(picture) for picture in self.pictures]
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), folder / RESIDUALS_FILE)
