"""How often policies succeed with other settings: what the defaults of the picking task rest on.

Policies learn from the demonstrations of `fetch` and act in scenes that are neither those of
demonstrations nor those by which candidates are chosen or tested.

    python tools/picking_policy.py --steps 200 400 800 --action-steps 1 4 8
"""

import argparse
import itertools
import time
from dataclasses import replace
from functools import partial

import numpy as np

from polyscale import load
from polyscale.data import default_inspection_cache
from polyscale.features import FeatureStore, default_cache, extract_maps, weights_hash
from polyscale.learning.training import TrainContext
from polyscale.progress import progress_bars
from polyscale.robot import (
    Controller,
    ControlOptions,
    ImitationData,
    PickingScene,
    SceneSettings,
    load_demonstrations,
    make_policy,
    run_rollouts,
    train_policy,
)
from polyscale.robot.simulation.seeds import TUNING
from polyscale.stats import accuracy_intervals
from polyscale.tasks import PickingSettings
from polyscale.types import Candidate


def main() -> None:
    """Print a line for each combination of settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidate", default="pip:efficientnet_lite0@1")
    parser.add_argument("--steps", type=int, nargs="+", default=[400])
    parser.add_argument("--rate", type=float, nargs="+", default=[1e-3])
    parser.add_argument("--dropout", type=float, nargs="+", default=[0.1])
    parser.add_argument("--action-steps", type=int, nargs="+", default=[1])
    parser.add_argument("--pooled", action="store_true")
    parser.add_argument("--told", action="store_true", help="the position, instead of images")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--horizon", type=int, default=32)
    parser.add_argument("--data", default="fetch")
    options = parser.parse_args()
    data = load_demonstrations(options.data, cache=default_inspection_cache())
    candidate = Candidate.parse(options.candidate)
    settings = PickingSettings(pooled=options.pooled)
    module = settings.module(load(candidate.backbone), candidate.scales)
    with progress_bars() as progress:
        maps = extract_maps(
            module,
            data.train.frames,
            store=FeatureStore(default_cache()),
            weights=weights_hash(module.backbone),
            step="features",
            progress=progress,
            parallel=True,
        )
    shown = ImitationData(
        maps=settings.join(maps, module),
        states=data.train.privileged if options.told else data.train.states,
        actions=data.train.actions,
        episode_of=data.train.episode_of,
    )
    frames, scene = np.arange(len(data.train)), SceneSettings.from_json(data.scene)
    make_scene = partial(PickingScene, scene, data.train.read(0).width)
    seeds = TUNING[: options.trials]
    for steps, rate, dropout in itertools.product(options.steps, options.rate, options.dropout):
        own = replace(settings, steps=steps, rate=rate)
        start = time.perf_counter()
        policy = make_policy(shown, frames, seed=0, dropout=dropout)
        report = train_policy(policy, shown, frames, own.training(0), TrainContext())
        trained = time.perf_counter() - start
        for action_steps in options.action_steps:
            start = time.perf_counter()
            acting = ControlOptions(
                horizon=options.horizon,
                action_steps=action_steps,
                privileged=options.told,
                parallel=True,
            )
            controller = Controller(module=module, policy=policy.eval(), options=acting)
            done = list(run_rollouts(controller, make_scene, seeds))
            lifted = np.array([each.success for each in done])
            low, high = accuracy_intervals({"policy": lifted})["policy"]
            print(
                f"{steps} steps, rate {rate:g}, dropout {dropout:g}, {action_steps} at once: "
                f"{lifted.sum()} of {len(done)} ({100 * low:.0f} to {100 * high:.0f} %), "
                f"loss {report.final_loss:.3f}, "
                f"{trained:.0f} s + {time.perf_counter() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
