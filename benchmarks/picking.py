"""How fast policies act in the simulated scene, and what of that is drawing, seeing and deciding.

    python benchmarks/picking.py --out benchmarks/records/picking.json

Policies are untrained, which costs the same: each acts for whole episodes that do not succeed.

- period: time between two actions of one episode alone, in one thread; median and 95th percentile.
- shares: of simulating and drawing, of the encoder, and of the policy in that time.
- together: frames a second with several episodes in lockstep and in as many threads as extraction
  takes, against one alone, from the first action to the last.
- seeing: the encoder's time in the loop, with preprocessing, over that of bare calls on tensors.
  They take turns; a ratio is taken within each turn, and its median quoted.
- recording: simulating, drawing, compressing and writing an episode over drawing its frames
  alone, likewise.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from turns import median_ratio, show, take_turns, write_record

from polyscale.features import ArrayMaps, temporary_folder
from polyscale.operator.backbones import load
from polyscale.robot import (
    Controller,
    ControlOptions,
    ControlTimes,
    ImitationData,
    Observation,
    PickingScene,
    SceneSettings,
    make_policy,
    run_rollouts,
)
from polyscale.robot.demonstrations.lerobot_writer import write_episode
from polyscale.robot.demonstrations.recording import demonstrate, layout_of
from polyscale.tasks import PickingSettings
from polyscale.types import Candidate

CANDIDATES = (
    "pip:efficientnet_lite0@1",
    "pip:efficientnet_lite0@1,2",
    "pip:efficientnet_lite2@1",
    "pip:dinov2_small@1",
    "pip:dinov2_small@1,2",
)
SIDE_PX = 448


class TimedScene(PickingScene):
    """Knows when it was told to act."""

    def __init__(self, settings: SceneSettings, times: list[float]) -> None:
        super().__init__(settings, SIDE_PX)
        self.times = times

    def step(self, action: np.ndarray) -> Observation:
        """Note the time, and act."""
        self.times.append(time.perf_counter())
        return super().step(action)


def main() -> None:
    """Run all candidates and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES))
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--horizon", type=int, default=20)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    settings = PickingSettings(device=options.device)
    scene = SceneSettings(horizon=options.horizon, lift_m=10.0)
    rows = [show({"recording": recording(scene, options.turns)})]
    for name in options.candidates:
        controller = make_controller(Candidate.parse(name), settings, options.horizon)
        row: dict[str, object] = {"candidate": name, **alone(controller, scene)}
        row["together"] = together(controller, scene, options.episodes)
        row["seeing"] = seeing(controller, scene, options.turns)
        rows.append(show(row))
    write_record(options.out, rows, device=settings.device, threads=torch.get_num_threads())


def make_controller(candidate: Candidate, settings: PickingSettings, horizon: int) -> Controller:
    """An untrained policy that sees through a candidate."""
    module = settings.module(load(candidate.backbone), candidate.scales).to(settings.device)
    height, width = module.plan.grid_hw
    random = np.random.default_rng(0).standard_normal
    shown = ImitationData(
        maps=ArrayMaps(random((4, height, width, module.out_channels)).astype(np.float16)),
        states=random((4, 7)).astype(np.float32),
        actions=random((4, 4)).astype(np.float32),
        episode_of=np.zeros(4, np.int64),
    )
    policy = make_policy(shown, np.arange(4), seed=0).eval().to(settings.device)
    options = ControlOptions(horizon=horizon, action_steps=settings.action_steps, lockstep=1)
    return Controller(module=module, policy=policy, options=options)


def alone(controller: Controller, scene: SceneSettings) -> dict[str, object]:
    """One episode at a time."""
    times: list[float] = []
    seconds = ControlTimes()
    for _ in run_rollouts(controller, lambda: TimedScene(scene, times), (1, 2), seconds):
        pass
    horizon = controller.options.horizon
    periods = np.concatenate([np.diff(times[:horizon]), np.diff(times[horizon:])])
    total = seconds.scene + seconds.encoder + seconds.policy
    return {
        "period_ms": round(1e3 * float(np.median(periods)), 1),
        "period_p95_ms": round(1e3 * float(np.quantile(periods, 0.95)), 1),
        "frames_per_s": round(1 / float(np.median(periods)), 1),
        "shares": {
            part: round(getattr(seconds, part) / total, 3)
            for part in ("scene", "encoder", "policy")
        },
    }


def together(controller: Controller, scene: SceneSettings, episodes: int) -> dict[str, float]:
    """Several episodes in lockstep and in threads, against one at a time, from the first action."""
    rates = {}
    for name, lockstep in {"one": 1, "several": 4}.items():
        options = replace(controller.options, lockstep=lockstep, parallel=lockstep > 1)
        own, times = replace(controller, options=options), list[float]()
        for _ in run_rollouts(own, lambda times=times: TimedScene(scene, times), range(episodes)):
            pass
        rates[name] = (len(times) - 1) / (max(times) - min(times))
    return {
        "frames_per_s": round(rates["several"], 1),
        "times_one": round(rates["several"] / rates["one"], 2),
    }


def seeing(controller: Controller, scene: SceneSettings, turns: int) -> float:
    """The encoder's time a frame in the loop over that of bare calls on a tensor."""
    with PickingScene(scene, SIDE_PX) as drawn:
        pixels = controller.module.preprocess([Image.fromarray(drawn.reset(0).image)])
    ratios = []
    for _ in range(turns):
        loop = ControlTimes()
        list(run_rollouts(controller, lambda: PickingScene(scene, SIDE_PX), (1,), loop))
        start = time.perf_counter()
        with torch.inference_mode():
            for _ in range(loop.steps):
                controller.module(pixels)
        ratios.append(loop.encoder / (time.perf_counter() - start))
    return round(statistics.median(ratios), 2)


def recording(scene: SceneSettings, turns: int) -> dict[str, float]:
    """An expert's episode, compressed and written, over as many drawings of one state."""
    settings = replace(scene, lift_m=SceneSettings().lift_m)
    with PickingScene(settings, SIDE_PX) as drawn, temporary_folder() as folder:
        frames = len(demonstrate(drawn, 0).frames)

        def record() -> None:
            write_episode(folder, layout_of(SIDE_PX), 0, 0, demonstrate(drawn, 0))

        def bare() -> None:
            for _ in range(frames + 1):
                drawn._draw()

        times = take_turns({"record": record, "bare": bare}, turns)
    return {
        "frame_ms": round(1e3 * statistics.median(times["record"]) / frames, 1),
        "times_bare": median_ratio(times["record"], times["bare"]),
    }


if __name__ == "__main__":
    main()
