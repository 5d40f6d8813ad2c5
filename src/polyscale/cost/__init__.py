"""What a candidate costs: parameters, multiply-adds, operations, latency, memory."""

from polyscale.cost.candidate import Cost, count_plan, measure
from polyscale.cost.closed_form import vit_macs
from polyscale.cost.count import TileCost, count_tile
from polyscale.cost.latency import Latency, measure_latency
from polyscale.multiscale.memory import peak_live_bytes

__all__ = [
    "Cost",
    "Latency",
    "TileCost",
    "count_plan",
    "count_tile",
    "measure",
    "measure_latency",
    "peak_live_bytes",
    "vit_macs",
]
