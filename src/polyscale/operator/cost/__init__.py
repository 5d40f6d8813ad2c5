"""What a candidate costs: parameters, multiply-adds, operations, time, memory."""

from polyscale.operator.cost.candidate import (
    TURNS,
    Cost,
    Latency,
    Meter,
    Throughput,
    count_plan,
    fitting_batch,
    measure,
)
from polyscale.operator.cost.closed_form import vit_macs
from polyscale.operator.cost.count import TileCost, count_call, count_tile
from polyscale.operator.cost.turns import Timed, Times
from polyscale.operator.multiscale.memory import peak_live_bytes

__all__ = [
    "TURNS",
    "Cost",
    "Latency",
    "Meter",
    "Throughput",
    "TileCost",
    "Timed",
    "Times",
    "count_call",
    "count_plan",
    "count_tile",
    "fitting_batch",
    "measure",
    "peak_live_bytes",
    "vit_macs",
]
