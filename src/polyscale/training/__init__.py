"""Training of any module: loop, checkpoints, optimiser, batches and files of tensors."""

from polyscale.training.batches import Batches, ItemBatches, batch_indices
from polyscale.training.loop import TrainReport, train
from polyscale.training.optimiser import TrainSettings
from polyscale.training.tensor_file import read_tensors, write_tensors

__all__ = [
    "Batches",
    "ItemBatches",
    "TrainReport",
    "TrainSettings",
    "batch_indices",
    "read_tensors",
    "train",
    "write_tensors",
]
