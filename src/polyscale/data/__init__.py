"""Data sets → (id, image, target)."""

from polyscale.data.dataset import (
    IGNORED,
    ClassificationData,
    DataSet,
    DenseData,
    DenseImages,
    DepthData,
    LabelledImages,
    MultiLabelData,
    NumberData,
    SegmentationData,
    TrainingData,
)
from polyscale.data.demonstrations import DemonstrationData, Demonstrations, EvaluationScenes
from polyscale.data.draws import Draw, draw_again, draw_kind
from polyscale.data.embedded import load_rooms
from polyscale.data.inspection_cache import default_inspection_cache
from polyscale.data.limit import with_limit
from polyscale.data.pictures import Pictures
from polyscale.data.questions import Question, QuestionData, Questions, categories_of
from polyscale.data.sources import (
    load_classification,
    load_depth,
    load_images,
    load_multilabel,
    load_numbers,
    load_questions,
    load_segmentation,
)
from polyscale.data.training import load_training
from polyscale.data.vstar import write_questions
from polyscale.decode import read_image
from polyscale.records import DataReport

__all__ = [
    "IGNORED",
    "ClassificationData",
    "DataReport",
    "DataSet",
    "DemonstrationData",
    "Demonstrations",
    "DenseData",
    "DenseImages",
    "DepthData",
    "Draw",
    "EvaluationScenes",
    "LabelledImages",
    "MultiLabelData",
    "NumberData",
    "Pictures",
    "Question",
    "QuestionData",
    "Questions",
    "SegmentationData",
    "TrainingData",
    "categories_of",
    "default_inspection_cache",
    "draw_again",
    "draw_kind",
    "load_classification",
    "load_depth",
    "load_images",
    "load_multilabel",
    "load_numbers",
    "load_questions",
    "load_rooms",
    "load_segmentation",
    "load_training",
    "read_image",
    "with_limit",
    "write_questions",
]
