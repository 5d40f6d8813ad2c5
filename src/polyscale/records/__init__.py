"""What a run finds, as files keep it and a report shows it."""

from polyscale.records.contrast import Contrast
from polyscale.records.metric import LOWER_IS_BETTER, METRICS, Metric, better_sign
from polyscale.records.result import Result
from polyscale.records.run_marks import RUN_MARKS, is_run
from polyscale.records.task import Reduction, TaskRecord
from polyscale.records.verdict import COST_AXES, CostAxis, CostVerdict, Outcome, Rule, Verdict

__all__ = [
    "COST_AXES",
    "LOWER_IS_BETTER",
    "METRICS",
    "RUN_MARKS",
    "Contrast",
    "CostAxis",
    "CostVerdict",
    "Metric",
    "Outcome",
    "Reduction",
    "Result",
    "Rule",
    "TaskRecord",
    "Verdict",
    "better_sign",
    "is_run",
]
