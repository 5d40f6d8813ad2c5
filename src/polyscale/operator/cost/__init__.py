"""What a candidate costs: parameters, multiply-adds, operations, time, memory."""

from polyscale.operator.cost.candidate import TURNS, Cost, Meter, Timed, fitting_batch
from polyscale.operator.cost.count import TileCost, count_call, count_plan, count_tile, vit_macs

__all__ = [
    "TURNS",
    "Cost",
    "Meter",
    "TileCost",
    "Timed",
    "count_call",
    "count_plan",
    "count_tile",
    "fitting_batch",
    "vit_macs",
]
