"""The results of a run: one schema for what files keep and what a report reads and merges."""

from polyscale.records.addons import (
    Cascade,
    CascadeChoice,
    Control,
    Failure,
    Knn,
    Probes,
    Seeds,
    Shots,
    SweetSpot,
)
from polyscale.records.codec import FieldError, Record, decode, read_json, write_json
from polyscale.records.data import (
    ClassIous,
    DataRecord,
    Estimate,
    Gain,
    SizeContrast,
    Sizes,
)
from polyscale.records.data_report import (
    DataReport,
    ImagePair,
    ImageSizes,
    Suspicious,
    Unreadable,
)
from polyscale.records.folder import FILES, REQUIRED, RUN_MARKS, is_run
from polyscale.records.metric import METRICS, Metric, Reduction, TaskRecord
from polyscale.records.result import Contrast, Floor, Result
from polyscale.records.tables import (
    AnswerPicture,
    ImageRow,
    MapPicture,
    ObjectRow,
    PredictionRow,
    TextRow,
)
from polyscale.records.timing import FEATURES_STAGE, Timing, Watch
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
    "Floor",
    "Gain",
    "ImagePair",
    "ImageRow",
    "ImageSizes",
    "Knn",
    "MapPicture",
    "Metric",
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
    "Suspicious",
    "SweetSpot",
    "TaskRecord",
    "TextRow",
    "Timing",
    "Unreadable",
    "Verdict",
    "Watch",
    "decode",
    "is_run",
    "read_json",
    "write_json",
]
