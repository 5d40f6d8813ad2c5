"""Trains a backbone from random weights, at one scale or at several (paper, section 4.3)."""

from polyscale.learning.pretraining.folder import Pretrained, read_pretrained
from polyscale.learning.pretraining.settings import PretrainSettings, make_settings
from polyscale.learning.pretraining.train import pretrain

__all__ = ["PretrainSettings", "Pretrained", "make_settings", "pretrain", "read_pretrained"]
