"""Behaviour cloning: a policy for each candidate, judged by what it achieves (paper, section 3.2)."""

from polyscale.tasks.picking.settings import PickingSettings
from polyscale.tasks.picking.task import Picking

__all__ = ["Picking", "PickingSettings"]
