"""What tells the folder of a finished run from any other."""

from pathlib import Path

RUN_MARKS = ("results.json", "report.html")
"""Files that every run holds. A folder with both is no data, wherever it lies."""


def is_run(folder: Path) -> bool:
    """Whether a study wrote this folder."""
    return all((folder / name).is_file() for name in RUN_MARKS)
