"""Rows as tables of other libraries."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from polyscale.errors import require
from polyscale.records import Result

if TYPE_CHECKING:
    import pandas as pd


def rows_to_pandas(rows: Sequence[Result]) -> "pd.DataFrame":
    """One line a candidate.

    Raises:
        MissingExtraError: if pandas is not installed.
    """
    require("pandas", extra="compare", feature="to_pandas")
    import pandas as pd

    return pd.DataFrame([row.to_dict() for row in rows]).set_index("candidate")
