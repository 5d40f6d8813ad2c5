"""One question of the paper each."""

from polyscale.studies.compare import CompareSettings, check_candidates, compare, run_facts
from polyscale.studies.comparison import Comparison
from polyscale.studies.progress import Progress, silent
from polyscale.studies.run_folder import is_finished, new_run

__all__ = [
    "CompareSettings",
    "Comparison",
    "Progress",
    "check_candidates",
    "compare",
    "is_finished",
    "new_run",
    "run_facts",
    "silent",
]
