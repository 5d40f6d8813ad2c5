"""Behaviour cloning: policies are judged by what they achieve (paper, section 3.2)."""

from polyscale.tasks.picking.actor import Actor
from polyscale.tasks.picking.settings import PickingSettings
from polyscale.tasks.picking.task import Picking

__all__ = ["Actor", "Picking", "PickingSettings"]
