"""Finished comparison → the record of the reconstruction, and pictures of what is unexplained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from polyscale.records import (
    QUANTILES,
    FoundReconstruction,
    Reconstruction,
    ReconstructionRow,
    ResidualPicture,
)
from polyscale.stats import ratio_intervals, weighted_intervals
from polyscale.studies.compare import Comparison
from polyscale.tasks.files import thumbnail
from polyscale.tasks.reconstruction import Explained, Information, SplitFigures, token_losses
from polyscale.types import Progress

NUM_RANGES = 24
"""Largest number of ranges that the target's principal directions are divided into."""

NUM_WORST, NUM_DRAWN = 4, 4
"""Numbers of test images that are shown: the least explained ones, and ones drawn at random."""

SPLITS = ("train", "test")

Interval = tuple[float, float]


def find_reconstruction(comparison: Comparison, progress: Progress) -> FoundReconstruction:
    """Compute rows for both splits, with intervals and ratios to the upper bound; and pictures."""
    data, seed = comparison.data, comparison.plan.settings.seed
    explained = {name: own.head for name, own in comparison.evaluations.items()}
    resampled = {row.candidate: str(row.probe["resampled"]) for row in comparison.rows}
    starts = _range_starts(data.target.dim)
    rows = []
    for split in SPLITS:
        figures = {name: getattr(own, split) for name, own in explained.items()}
        rows += _rows(split, figures, resampled, starts, upper=data.upper, seed=seed)
    variances = next(iter(explained.values())).train.variances
    num_images = (len(data.train), len(data.test))
    record = Reconstruction(
        target=str(data.target.candidate),
        target_dim=data.target.dim,
        grid_hw=data.target.grid_hw,
        upper=data.upper,
        num_images=num_images,
        num_tokens=tuple(num * prod(data.target.grid_hw) for num in num_images),
        ranks=tuple(int(start) + 1 for start in starts),
        variance=tuple((np.add.reduceat(variances, starts) / variances.sum()).tolist()),
        notes=data.warnings,
        rows=tuple(rows),
    )
    return FoundReconstruction(
        record=record, pictures=tuple(_pictures(comparison, explained, progress))
    )


def with_ratios(comparison: Comparison, record: Reconstruction) -> Comparison:
    """Add each candidate's ratio to the upper bound to its scores, if there is one."""
    ratios = {name: row.ratio for name, row in record.of("test").items()}
    rows = (
        row
        if (ratio := ratios[row.candidate]) is None
        else replace(row, scores={**row.scores, "ratio": ratio})
        for row in comparison.rows
    )
    return replace(comparison, rows=tuple(rows))


def _rows(
    split: str,
    figures: Mapping[str, SplitFigures],
    resampled: Mapping[str, str],
    starts: NDArray[np.int64],
    *,
    upper: str | None,
    seed: int,
) -> list[ReconstructionRow]:
    information = {name: own.information for name, own in figures.items()}
    num_images = len(next(iter(information.values())).losses)
    intervals = weighted_intervals(information, num_images, seed=seed)
    ratios = _ratios(information, num_images, upper=upper, seed=seed)
    return [
        ReconstructionRow(
            candidate=name,
            split=split,  # type: ignore[arg-type]
            loss=float(own.information.losses.mean()),
            loss_constant=own.information.constant.value,
            info_bits=own.information.value,
            info_low=intervals[name][0],
            info_high=intervals[name][1],
            **ratios.get(name, {}),
            r2=tuple(np.quantile(own.r2, QUANTILES).tolist()),
            cka=own.cka,
            explained=tuple(_explained(own, starts).tolist()),
            resampled=resampled[name],
        )
        for name, own in figures.items()
    ]


def _ratios(
    information: Mapping[str, Information], num_images: int, *, upper: str | None, seed: int
) -> dict[str, dict[str, float]]:
    """Information divided by that of the upper bound; empty if the bound is missing or has none."""
    if upper is None or upper not in information or information[upper].value <= 0:
        return {}
    intervals = ratio_intervals(information, num_images, over=upper, seed=seed)
    return {
        name: {
            "ratio": own.value / information[upper].value,
            "ratio_low": intervals[name][0],
            "ratio_high": intervals[name][1],
        }
        for name, own in information.items()
    }


def _range_starts(dim: int) -> NDArray[np.int64]:
    """Ranks, from 0, at which ranges begin; each range is wider than the last by one factor."""
    return np.unique(np.geomspace(1, dim + 1, NUM_RANGES + 1).astype(np.int64)[:-1]) - 1


def _explained(figures: SplitFigures, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the variance in each range of principal directions."""
    residuals, variances = (
        np.add.reduceat(each, starts) for each in (figures.residuals, figures.variances)
    )
    varies = variances > 1e-12 * variances.sum()
    return 1 - np.divide(residuals, variances, out=np.ones_like(residuals), where=varies)


def _pictures(
    comparison: Comparison, explained: Mapping[str, Explained], progress: Progress
) -> Sequence[ResidualPicture]:
    """Some test images, and the loss of each cell for every candidate."""
    data = comparison.data
    chosen = _chosen([own.test.information for own in explained.values()], comparison)
    constant = next(iter(explained.values())).test.information.constant.value
    pictures = [
        ResidualPicture(
            id=data.test.ids[index],
            candidate=None,
            bytes=thumbnail(data.test.read(index)),
            height=0,
            width=0,
            losses=(),
        )
        for index in chosen.tolist()
    ]
    for done, (name, own) in enumerate(explained.items()):
        progress("pictures of what is left", done, len(explained), "candidates")
        maps = comparison.evaluations[name].test
        losses = token_losses(own.model, maps, data.test_maps, chosen) / constant
        pictures += [
            ResidualPicture(
                id=data.test.ids[index],
                candidate=name,
                bytes=b"",
                height=cells.shape[0],
                width=cells.shape[1],
                losses=tuple(cells.flatten().tolist()),
            )
            for index, cells in zip(chosen.tolist(), losses, strict=True)
        ]
    progress("pictures of what is left", len(explained), len(explained), "candidates")
    return pictures


def _chosen(information: Sequence[Information], comparison: Comparison) -> NDArray[np.int64]:
    """Indices of the images that all candidates together explain least; then of random others."""
    worst = np.argsort(-sum(own.losses for own in information), kind="stable")[:NUM_WORST]
    generator = np.random.default_rng(comparison.plan.settings.seed)
    drawn = generator.permutation(len(information[0].losses))
    return np.concatenate([worst, drawn[~np.isin(drawn, worst)][:NUM_DRAWN]])
