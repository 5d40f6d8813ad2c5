"""Training of any module: loop, checkpoints, optimiser, batches and files of tensors."""

from polyscale.learning.training.batches import Batches, ItemBatches, batch_indices
from polyscale.learning.training.loop import TrainContext, TrainReport, train
from polyscale.learning.training.optimiser import TrainSettings
from polyscale.learning.training.tensor_file import read_tensors, write_tensors

__all__ = [
    "Batches",
    "ItemBatches",
    "TrainContext",
    "TrainReport",
    "TrainSettings",
    "batch_indices",
    "read_tensors",
    "train",
    "write_tensors",
]
