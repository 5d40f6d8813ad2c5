"""What a run finds, with one schema: what files keep, and what a report reads, merges and shows."""

from polyscale.records.addons import (
    FEATURES_STAGE,
    Cascade,
    CascadeChoice,
    Control,
    Failure,
    Knn,
    Probes,
    Seeds,
    Shots,
    SweetSpot,
    Timing,
)
from polyscale.records.codec import FieldError, Record, decode, read_json, write_json
from polyscale.records.contrast import Contrast
from polyscale.records.data import (
    ClassIous,
    DataRecord,
    DataReport,
    Estimate,
    Gain,
    NearDuplicate,
    SizeContrast,
    Sizes,
    Unreadable,
)
from polyscale.records.folder import FILES, REQUIRED, RUN_MARKS, is_run
from polyscale.records.metric import METRICS, Metric, better_sign
from polyscale.records.result import Result
from polyscale.records.tables import (
    AnswerPicture,
    ImageRow,
    MapPicture,
    ObjectRow,
    PredictionRow,
    TextRow,
)
from polyscale.records.task import Reduction, TaskRecord
from polyscale.records.verdict import COST_AXES, CostAxis, CostVerdict, Outcome, Rule, Verdict

__all__ = [
    "COST_AXES",
    "FEATURES_STAGE",
    "FILES",
    "METRICS",
    "REQUIRED",
    "RUN_MARKS",
    "AnswerPicture",
    "Cascade",
    "CascadeChoice",
    "ClassIous",
    "Contrast",
    "Control",
    "CostAxis",
    "CostVerdict",
    "DataRecord",
    "DataReport",
    "Estimate",
    "Failure",
    "FieldError",
    "Gain",
    "ImageRow",
    "Knn",
    "MapPicture",
    "Metric",
    "NearDuplicate",
    "ObjectRow",
    "Outcome",
    "PredictionRow",
    "Probes",
    "Record",
    "Reduction",
    "Result",
    "Rule",
    "Seeds",
    "Shots",
    "SizeContrast",
    "Sizes",
    "SweetSpot",
    "TaskRecord",
    "TextRow",
    "Timing",
    "Unreadable",
    "Verdict",
    "better_sign",
    "decode",
    "is_run",
    "read_json",
    "write_json",
]
