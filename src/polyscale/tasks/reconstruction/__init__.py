"""Reconstruction: another model's features of every place as a linear map of a candidate's."""

from polyscale.tasks.reconstruction.data import ReconstructionData, Target
from polyscale.tasks.reconstruction.fit import token_losses
from polyscale.tasks.reconstruction.maps import ScaleMaps
from polyscale.tasks.reconstruction.scores import ConstantLoss, Information, best_constant
from polyscale.tasks.reconstruction.settings import ReconstructionSettings
from polyscale.tasks.reconstruction.task import Explained, Reconstruction, SplitFigures
from polyscale.tasks.reconstruction.tokens import Tokens

__all__ = [
    "ConstantLoss",
    "Explained",
    "Information",
    "Reconstruction",
    "ReconstructionData",
    "ReconstructionSettings",
    "ScaleMaps",
    "SplitFigures",
    "Target",
    "Tokens",
    "best_constant",
    "token_losses",
]
