"""One question of the paper each."""

from polyscale.records.seams import SeamReport
from polyscale.studies.compare import (
    Candidates,
    ComparePlan,
    Comparison,
    parse_families,
    plan_compare,
    run_compare,
    run_files,
    write_run,
)
from polyscale.studies.hard import plan_hard
from polyscale.studies.look import look
from polyscale.studies.reconstruct import (
    plan_reconstruct,
    reconstruct_larger,
    run_and_explain,
    run_reconstruct,
)
from polyscale.studies.run_folder import (
    REPORT_FILES,
    check_complete,
    check_out,
    is_finished,
    new_run,
)
from polyscale.studies.seams import compare_seams, load_untiled, measure_seams
from polyscale.studies.show import show
from polyscale.types import Progress, silent

__all__ = [
    "REPORT_FILES",
    "Candidates",
    "ComparePlan",
    "Comparison",
    "Progress",
    "SeamReport",
    "check_complete",
    "check_out",
    "compare_seams",
    "is_finished",
    "load_untiled",
    "look",
    "measure_seams",
    "new_run",
    "parse_families",
    "plan_compare",
    "plan_hard",
    "plan_reconstruct",
    "reconstruct_larger",
    "run_and_explain",
    "run_compare",
    "run_files",
    "run_reconstruct",
    "show",
    "silent",
    "write_run",
]
