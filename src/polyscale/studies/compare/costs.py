"""Costs of the candidates of a run: kept from an earlier run, or measured in turns: A B C A B C."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import torch
from torch import nn

from polyscale.errors import InputError
from polyscale.features import FeatureStore, decode_side, whole_file
from polyscale.operator.cost import TURNS, Cost, Meter
from polyscale.operator.multiscale import MultiScale
from polyscale.records import read_json, write_json
from polyscale.studies.compare.failures import Failures
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.environment import versions
from polyscale.tasks import Evaluation
from polyscale.types import HW, Candidate, Progress, silent

STEP = "costs"

FORMAT = 2
"""Raised when the same facts would give other costs."""

Modules: TypeAlias = Mapping[Candidate, tuple[nn.Module, HW]]
"""Candidates as they are timed: images → anything, and the size of the image in pixels."""


def find_costs(
    evaluations: Mapping[Candidate, Evaluation],
    plan: ComparePlan,
    store: FeatureStore,
    failures: Failures,
    *,
    tile_s: Mapping[str, float],
    progress: Progress = silent,
) -> dict[Candidate, Cost]:
    """What each candidate costs; without `settings.costs`, only what can be counted.

    Args:
        evaluations: the candidates.
        plan: what is run.
        store: in whose folder costs are kept.
        failures: takes candidates that fail.
        tile_s: backbone → seconds in which a tile ran during extraction, where one did.
        progress: told after every turn.
    """
    images, device = plan.data.test, plan.settings.device
    modules = {c: (e.module, _timed_hw(images, e.module)) for c, e in evaluations.items()}
    if not plan.settings.costs:
        return _count(modules, failures)
    keys = {
        c: cost_key(module, weights=plan.weights_hashes[c.backbone], image_hw=hw, device=device)
        for c, (module, hw) in modules.items()
    }
    cache = CostCache(store.folder)
    kept = cache.read(keys)
    if kept is not None:
        return kept
    measured = measure_in_turns(modules, device=device, failures=failures, progress=progress)
    costs = {
        c: _compare_with_extraction(cost, tile_s.get(c.backbone)) for c, cost in measured.items()
    }
    cache.write(keys, costs)
    return costs


def measure_in_turns(
    modules: Modules,
    *,
    device: str,
    failures: Failures,
    progress: Progress = silent,
) -> dict[Candidate, Cost]:
    """The cost of every candidate that does not fail meanwhile.

    Args:
        modules: the candidates.
        device: where all of them run.
        failures: takes those that fail.
        progress: told after every turn.
    """
    total = (1 + TURNS) * len(modules)
    meters: dict[Candidate, Meter] = {}
    for done, (candidate, (module, image_hw)) in enumerate(modules.items()):
        progress(STEP, done, total, "turns")
        with failures.of(candidate):
            meters[candidate] = Meter(module.to(device), image_hw)
    for number in range(TURNS):
        for done, (candidate, meter) in enumerate(meters.items()):
            progress(STEP, (1 + number) * len(modules) + done, total, "turns")
            if candidate not in failures:
                with failures.of(candidate):
                    meter.turn(number)
    progress(STEP, total, total, "turns")
    for module, _ in modules.values():
        module.to("cpu")
    session = uuid4().hex
    return {c: meter.cost(session) for c, meter in meters.items() if c not in failures}


class CostCache:
    """Costs between runs, one file a candidate, in the folder of the features.

    Times are compared only if they were measured in turns with each other. So costs are kept where
    all candidates of a run were measured together, be it with others, and else measured anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, keys: Mapping[Candidate, str]) -> dict[Candidate, Cost] | None:
        """The costs of these candidates, if all are kept and of one session."""
        try:
            costs = {c: read_json(self._path(key), Cost) for c, key in keys.items()}
        except InputError:
            return None
        sessions = {cost.turns and cost.turns.session for cost in costs.values()}
        return costs if len(sessions) == 1 else None

    def write(self, keys: Mapping[Candidate, str], costs: Mapping[Candidate, Cost]) -> None:
        """Keep costs, unless other work on the machine disturbed their measurement."""
        if any(cost.turns and cost.turns.is_disturbed for cost in costs.values()):
            return
        for candidate, cost in costs.items():
            with suppress(OSError), whole_file(self._path(keys[candidate])) as file:
                write_json(file, cost)

    def _path(self, key: str) -> Path:
        return self._folder / key / "cost.json"


def cost_key(module: nn.Module, *, weights: str, image_hw: HW, device: str) -> str:
    """A name for everything that the cost of a candidate depends on.

    Args:
        module: images → anything, as a rule with a `MultiScale` in it.
        weights: `weights_hash` of the backbone.
        image_hw: size of the image that is timed.
        device: where it runs.
    """
    operators = [part for part in module.modules() if isinstance(part, MultiScale)]
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else ""
    return FeatureStore.key(
        {
            "cost": FORMAT,
            "weights": weights,
            "operators": [asdict(operator.config) for operator in operators],
            "levels": [asdict(level) for o in operators for level in o.plan.levels],
            "parts": [type(part).__qualname__ for part in module.modules()],
            "shapes": {name: list(t.shape) for name, t in module.state_dict().items()},
            "views": str(getattr(module, "views", None)),
            "image_hw": image_hw,
            "device": [device, gpu],
            **versions(),
        }
    )


def _compare_with_extraction(cost: Cost, tile_s: float | None) -> Cost:
    """The cost with `Turns.slowdown`: extraction, over many images, is a check of the times.

    Args:
        cost: of a candidate.
        tile_s: seconds in which a tile ran during extraction; None if features were kept.
    """
    turns = cost.turns
    if tile_s is None or turns is None or turns.tile_ms is None:
        return cost
    return replace(cost, turns=replace(turns, slowdown=turns.tile_ms / 1e3 / tile_s))


def _timed_hw(images: Any, module: nn.Module) -> HW:
    """Size of the first image, as it is decoded for a candidate: what is timed."""
    side = None
    if isinstance(module, MultiScale):
        side = max(decode_side(module, level) for level in module.plan.levels)
    width, height = images.read(0, min_side=side).size
    return height, width


def _count(modules: Modules, failures: Failures) -> dict[Candidate, Cost]:
    costs = {}
    for candidate, (module, image_hw) in modules.items():
        with failures.of(candidate):
            costs[candidate] = Cost.counted(module, image_hw)
    return costs
