"""Every candidate's answer to every test image, in one order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.report.files import AGAIN, check_exists, damaged

COLUMNS = ["candidate", "id", "label", "prediction", "probability", "correct"]

Texts = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Arrays with one entry a test image; mappings from the candidate.

    Attributes:
        ids: of the images, sorted.
        labels: the true classes.
        said: the class that each candidate gives.
        probability: what each gives to the true class.
        correct: whether each is right.
    """

    ids: Texts
    labels: Texts
    said: Mapping[str, Texts]
    probability: Mapping[str, NDArray[np.floating]]
    correct: Mapping[str, NDArray[np.bool_]]

    @property
    def classes(self) -> list[str]:
        """Classes of the test images, sorted."""
        return sorted(set(self.labels))


def read_predictions(path: Path, names: Iterable[str]) -> Predictions:
    """Read `predictions.parquet`.

    Args:
        path: the file.
        names: the candidates whose answers are wanted.

    Raises:
        InputError: if the file is missing or damaged, or lacks an answer.
    """
    check_exists(path)
    try:
        # whatever type a writer chose for them: an empty list has none
        table = pq.read_table(path, columns=COLUMNS)
        columns: dict[str, Any] = {
            name: table[name].cast(pa.string()).to_numpy()
            for name in ("candidate", "id", "label", "prediction")
        }
        columns["probability"] = table["probability"].to_numpy()
        columns["correct"] = table["correct"].to_numpy().astype(bool)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
    ids = np.unique(columns["id"].astype(object))
    rows = {name: rows_of(path, name, columns["candidate"], columns["id"], ids) for name in names}
    first = next(iter(rows.values()))
    return Predictions(
        ids=ids,
        labels=columns["label"][first],
        said={name: columns["prediction"][at] for name, at in rows.items()},
        probability={name: columns["probability"][at] for name, at in rows.items()},
        correct={name: columns["correct"][at] for name, at in rows.items()},
    )


def rows_of(
    path: Path, name: str, candidates: Texts, found_ids: Texts, ids: Texts
) -> NDArray[np.intp]:
    """Rows of a candidate, in the order of the ids.

    Args:
        path: the file that they are of.
        name: the candidate.
        candidates: of each row.
        found_ids: of each row.
        ids: of all images, sorted, each once.

    Raises:
        InputError: if one is missing or there twice.
    """
    own = np.flatnonzero(candidates == name)
    found = found_ids[own]
    missing = sorted(set(ids) - set(found))
    if missing:
        raise InputError(
            f"{path} must hold the answer of {name} to image {missing[0]!r}, but does not. {AGAIN}"
        )
    if len(found) > len(ids):
        raise InputError(f"{path} must hold each answer once, but {name} has more. {AGAIN}")
    return own[np.argsort(found, kind="stable")]
