"""How well a frozen encoder tells where the cube is, in scenes of different difficulty.

The scene of the picking task was chosen with this: first frames of scenes of demonstrations, never
of test episodes, and no policy is trained. Ridge regression on the encoder's map gives the cube's
place on the table; the scenes are divided into five parts, each predicted from the others.

    python tools/picking_difficulty.py
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from polyscale import load, wrap
from polyscale.robot import PickingScene, SceneSettings
from polyscale.robot.simulation.arrangement import arrange

SCENES = {
    "constant light, no objects, 0.95 m": {"num_distractors": 0, "camera_distance_m": 0.95},
    "constant light, no objects": {"num_distractors": 0},
    "varying light, no objects": {"num_distractors": 0},
    "varying light, 1 object: the default": {},
    "varying light, 2 objects, 0.95 m": {"num_distractors": 2, "camera_distance_m": 0.95},
    "varying light, 2 objects": {"num_distractors": 2},
    "varying light, 6 objects, 12 surfaces": {"num_distractors": 6, "num_surfaces": 12},
}
"""Name → what differs from the default settings; light is constant where the name says so."""

CONSTANT_LIGHT = {"light_range": (1.0, 1.0), "tint": 0.0}

TOLERANCE_MM = 20
"""From the middle of the cube, beyond which the open fingers land on it."""

FOLDS = 5
STRENGTHS = 10.0 ** np.arange(-4, 3)
"""Of the ridge penalty, as shares of the mean of the kernel's diagonal."""


def first_frames(settings: SceneSettings, num: int, side_px: int) -> list[Image.Image]:
    """What the camera sees at the beginning of the first scenes of demonstrations."""
    with PickingScene(settings, side_px) as scene:
        return [Image.fromarray(scene.reset(seed).image) for seed in range(num)]


def features(name: str, scales: tuple[float, ...], frames: list[Image.Image]) -> np.ndarray:
    """(num_frames, channels × cells): the map as it is, so that nothing is lost."""
    module = wrap(load(name), scales=scales, source="native")
    with torch.inference_mode():
        rows = [module(module.preprocess([frame])).map.flatten().numpy() for frame in frames]
    return np.stack(rows).astype(np.float64)


def held_out_errors(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Distance of each prediction from the truth.

    Each fold is predicted with the strength of the penalty that is best on the other folds.
    """
    folds = np.arange(len(rows)) % FOLDS
    predicted = np.empty((len(STRENGTHS), *places.shape))
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        mean, scale = rows[train].mean(0), rows[train].std(0) + 1e-6
        own, other = (rows[train] - mean) / scale, (rows[test] - mean) / scale
        kernel = own @ own.T
        middle = places[train].mean(0)
        for index, strength in enumerate(STRENGTHS):
            penalty = strength * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
            weights = np.linalg.solve(kernel + penalty, places[train] - middle)
            predicted[index, test] = other @ own.T @ weights + middle
    distances = np.linalg.norm(predicted - places, axis=2)
    best = [distances[:, folds != fold].mean(1).argmin() for fold in range(FOLDS)]
    return distances[np.array(best)[folds], np.arange(len(rows))]


def main() -> None:
    """Print a row of a table for each scene."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="pip:efficientnet_lite0")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--side-px", type=int, default=448)
    arguments = parser.parse_args()
    for name, changed in SCENES.items():
        light = CONSTANT_LIGHT if name.startswith("constant") else {}
        settings = replace(SceneSettings(), **changed, **light)
        frames = first_frames(settings, arguments.frames, arguments.side_px)
        places = np.stack([arrange(settings, s).cube_xy_m for s in range(arguments.frames)])
        blind_mm = 1000 * np.linalg.norm(places - places.mean(0), axis=1).mean()
        cells = [name, f"{blind_mm:.0f} mm"]
        for scales in ((1,), (1, 2)):
            errors_mm = 1000 * held_out_errors(features(arguments.encoder, scales, frames), places)
            near = 100 * (errors_mm < TOLERANCE_MM).mean()
            cells += [f"{errors_mm.mean():.0f} mm", f"{near:.0f} %"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
