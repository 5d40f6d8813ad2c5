"""Training of a backbone from random weights, at one scale or at several (paper, section 4.3)."""

from polyscale.learning.pretraining.folder import Pretrained, read_pretrained
from polyscale.learning.pretraining.settings import PretrainSettings
from polyscale.learning.pretraining.train import pretrain

__all__ = ["PretrainSettings", "Pretrained", "pretrain", "read_pretrained"]
