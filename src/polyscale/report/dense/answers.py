"""What each candidate is worth on each test image, in one order of images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.report.files import AGAIN, check_exists, damaged
from polyscale.report.predictions import Texts, rows_of

Statistics = Float[NDArray[np.float64], "num_test num_statistics"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseAnswers:
    """What the metric sums over images.

    Attributes:
        ids: of the images, sorted.
        statistics: for each candidate, per image: of segmentation the intersections of all
            classes and then their unions, in pixels; of depth the RMSE in metres, NaN where no
            pixel is known.
    """

    ids: Texts
    statistics: Mapping[str, Statistics]

    @property
    def judged(self) -> dict[str, Statistics]:
        """The statistics without images on which nothing is known."""
        known = ~np.any([np.isnan(rows).any(axis=1) for rows in self.statistics.values()], axis=0)
        return {name: rows[known] for name, rows in self.statistics.items()}


def read_dense_answers(path: Path, names: Iterable[str], metric: str) -> DenseAnswers:
    """Read `images.parquet`.

    Args:
        path: the file.
        names: the candidates whose answers are wanted.
        metric: `miou` or `rmse`.

    Raises:
        InputError: if the file is missing or damaged, or lacks an answer.
    """
    check_exists(path)
    columns = ["intersection", "union"] if metric == "miou" else [metric]
    try:
        table = pq.read_table(path, columns=["candidate", "id", *columns])
        candidates, found_ids = (
            table[name].cast(pa.string()).to_numpy().astype(object) for name in ("candidate", "id")
        )
        statistics = np.hstack([_numbers(table[name]) for name in columns])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
    ids = np.unique(found_ids)
    if not len(ids):
        raise InputError(f"{path} must hold at least one image, but is empty. {AGAIN}")
    rows = {name: rows_of(path, name, candidates, found_ids, ids) for name in names}
    return DenseAnswers(ids=ids, statistics={name: statistics[at] for name, at in rows.items()})


def _numbers(column: pa.ChunkedArray) -> Statistics:
    """Numbers or lists of equal lengths, one row an image.

    Raises:
        ValueError: if lists differ in length.
    """
    if not pa.types.is_list(column.type) and not pa.types.is_large_list(column.type):
        # null, which is how some writers put NaN, becomes it
        return column.to_numpy().astype(np.float64)[:, None]
    lengths = np.unique(pc.list_value_length(column).to_numpy())
    if len(lengths) > 1:
        raise ValueError("lists differ in length")
    flat = pc.list_flatten(column).to_numpy().astype(np.float64)
    return flat.reshape(len(column), int(lengths.sum()))
