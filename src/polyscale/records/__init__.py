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
from polyscale.records.arms import Arm, ArmContrast, Arms
from polyscale.records.capacity import Capacity, CapacityLoss, FittedLayer
from polyscale.records.codec import FieldError, Record, decode, read_json, write_json
from polyscale.records.config import CONFIG_FILE, read_config
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
from polyscale.records.episodes import FILMS_FILE, Episodes, FilmRow
from polyscale.records.folder import FILES, REQUIRED, RUN_MARKS, is_run
from polyscale.records.hard import HardExamples, HardImage, HardKind
from polyscale.records.log import LOG_FILE, LogEntry, append_log, read_log
from polyscale.records.look import SHEET_FILE, Look, SheetPicture
from polyscale.records.metric import METRICS, Metric, Reduction, TaskRecord
from polyscale.records.questions import (
    ANSWERS_FILE,
    QUESTIONS_FILE,
    Answer,
    AnswerRow,
    QuestionRow,
    ScaleTiles,
)
from polyscale.records.recommendation import (
    Advice,
    Certainty,
    Recommendation,
    SelectionGap,
)
from polyscale.records.reconstruction import (
    QUANTILES,
    RESIDUALS_FILE,
    FoundReconstruction,
    Reconstruction,
    ReconstructionRow,
    ResidualPicture,
)
from polyscale.records.repeats import DrawKind, DrawnContrast, Repeat, Repeats
from polyscale.records.result import BoundKind, Contrast, Floor, Result
from polyscale.records.tables import (
    AnswerPicture,
    ImageRow,
    MapPicture,
    ObjectRow,
    PredictionRow,
    TextRow,
)
from polyscale.records.timing import FEATURES_STAGE, Timing, Watch
from polyscale.records.turns import Turns
from polyscale.records.verdict import (
    COST_AXES,
    CostAxis,
    CostVerdict,
    Outcome,
    Rule,
    Verdict,
    known_axes,
)

__all__ = [
    "ANSWERS_FILE",
    "CONFIG_FILE",
    "COST_AXES",
    "FEATURES_STAGE",
    "FILES",
    "FILMS_FILE",
    "LOG_FILE",
    "METRICS",
    "QUANTILES",
    "QUESTIONS_FILE",
    "REQUIRED",
    "RESIDUALS_FILE",
    "RUN_MARKS",
    "SHEET_FILE",
    "Advice",
    "Answer",
    "AnswerPicture",
    "AnswerRow",
    "Arm",
    "ArmContrast",
    "Arms",
    "BoundKind",
    "Capacity",
    "CapacityLoss",
    "Cascade",
    "CascadeChoice",
    "Certainty",
    "ClassIous",
    "Contrast",
    "Control",
    "CostAxis",
    "CostVerdict",
    "DataRecord",
    "DataReport",
    "DrawKind",
    "DrawnContrast",
    "Episodes",
    "Estimate",
    "Failure",
    "FieldError",
    "FilmRow",
    "FittedLayer",
    "Floor",
    "FoundReconstruction",
    "Gain",
    "HardExamples",
    "HardImage",
    "HardKind",
    "ImagePair",
    "ImageRow",
    "ImageSizes",
    "Knn",
    "LogEntry",
    "Look",
    "MapPicture",
    "Metric",
    "ObjectRow",
    "Outcome",
    "PredictionRow",
    "Probes",
    "QuestionRow",
    "Recommendation",
    "Reconstruction",
    "ReconstructionRow",
    "Record",
    "Reduction",
    "Repeat",
    "Repeats",
    "ResidualPicture",
    "Result",
    "Rule",
    "ScaleTiles",
    "Seeds",
    "SelectionGap",
    "SheetPicture",
    "Shots",
    "SizeContrast",
    "Sizes",
    "Suspicious",
    "SweetSpot",
    "TaskRecord",
    "TextRow",
    "Timing",
    "Turns",
    "Unreadable",
    "Verdict",
    "Watch",
    "append_log",
    "decode",
    "is_run",
    "known_axes",
    "read_config",
    "read_json",
    "read_log",
    "write_json",
]
