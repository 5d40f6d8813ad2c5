"""Do I need a larger vision model? Candidates on the same images, at their cost (Figure 2)."""

from polyscale.studies.compare.comparison import Comparison, write_run
from polyscale.studies.compare.family import family_of, parse_families
from polyscale.studies.compare.models import Candidates
from polyscale.studies.compare.plan import ComparePlan, plan_compare, run_files
from polyscale.studies.compare.run import run_compare

__all__ = [
    "Candidates",
    "ComparePlan",
    "Comparison",
    "family_of",
    "parse_families",
    "plan_compare",
    "run_compare",
    "run_files",
    "write_run",
]
