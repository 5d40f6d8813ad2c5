"""Training of any module: loop, checkpoints, optimiser, batches and files of tensors."""

from polyscale.learning.training.batches import Batches, ItemBatches, batch_indices
from polyscale.learning.training.disk import room_for
from polyscale.learning.training.folder import check_training_folder, training_folder
from polyscale.learning.training.loop import TrainContext, TrainReport, train
from polyscale.learning.training.optimiser import TrainSettings
from polyscale.learning.training.processes import Processes, is_first, join_processes
from polyscale.learning.training.tensor_file import read_tensors, write_tensors

__all__ = [
    "Batches",
    "ItemBatches",
    "Processes",
    "TrainContext",
    "TrainReport",
    "TrainSettings",
    "batch_indices",
    "check_training_folder",
    "is_first",
    "join_processes",
    "read_tensors",
    "room_for",
    "train",
    "training_folder",
    "write_tensors",
]
