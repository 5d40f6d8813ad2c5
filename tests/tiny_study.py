"""Studies of small untrained models, where nothing is claimed about their features."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from tests.conftest import TinyBackbone

from polyscale.errors import InputError
from polyscale.operator.cost import Meter
from polyscale.studies import plan_compare, run_compare, silent
from polyscale.studies.compare import controls, plan
from polyscale.tasks import get_task
from polyscale.types import Backbone

SMALL, LARGE = "tiny:net_small", "tiny:net_large"
CANDIDATES = [f"{SMALL}@1", f"{SMALL}@1,2", f"{LARGE}@1"]
FAST = {"dtype": "fp32", "tile_batch": 16, "floors": False}
"""Settings of every run."""


@dataclass
class Study:
    """Runs comparisons of the models on a data set."""

    data: str
    task: str
    models: dict[str, Backbone]
    settings: Mapping[str, Any]

    def plan(self, candidates=CANDIDATES, task=None, **settings):
        kind = get_task(task or self.task).settings_type
        return plan_compare(self.data, candidates, kind(**{**FAST, **self.settings, **settings}))

    def __call__(self, candidates=CANDIDATES, *, cache=None, limit=None, told=silent, **settings):
        return run_compare(
            self.plan(candidates, **settings), cache=cache, cache_limit_bytes=limit, progress=told
        )


def make_models() -> dict[str, Backbone]:
    """The two models of the candidates."""
    models = {}
    for seed, (name, dim) in enumerate({SMALL: 6, LARGE: 12}.items()):
        torch.manual_seed(seed)
        models[name] = TinyBackbone(dim=dim)
        models[name].name = name
    return models


def use_models(patch, models, resamples=500) -> None:
    """From now on sources are those of the models, and nothing takes its time.

    Times are those of a quiet machine, whatever else runs on this one.
    """
    measured = Meter.cost

    def quiet(meter, session):
        cost = measured(meter, session)
        turns = replace(cost.turns, cpu_share=1.0, latency_ms=(cost.latency_ms,) * 2)
        return replace(cost, turns=turns)

    patch.setattr(Meter, "cost", quiet)
    patch.setattr("polyscale.records.timing.MIN_TILES", 10**9)
    patch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
    patch.setattr("polyscale.studies.compare.costs.TURNS", 2)
    for module in ("image_bootstrap", "intervals"):
        patch.setattr(f"polyscale.stats.{module}.NUM_RESAMPLES", resamples)

    def load(source, tile_hw=None):
        if tile_hw is not None:
            raise InputError(f"tile_hw must be that of {source}.")
        return models[source]

    for module in (plan, controls):
        patch.setattr(module, "load", load)
