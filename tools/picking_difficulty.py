"""How well a frozen encoder tells where the cube is, at several distances of the camera.

The scene of the picking task was chosen with this: first frames of scenes of demonstrations, never
of test episodes, and no policy is trained. Ridge regression on the encoder's map gives the cube's
place on the table; the scenes are divided into five parts, each predicted from the others.

    python tools/picking_difficulty.py --distances 1.0 1.5 2.0
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from polyscale import load, wrap
from polyscale.robot import PickingScene, SceneSettings
from polyscale.robot.arrangement import arrange

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
    """Distance of each prediction from the truth, at the best strength of the penalty."""
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
    return distances[distances.mean(1).argmin()]


def main() -> None:
    """Print a line for each distance and each choice of scales."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--distances", type=float, nargs="+", default=[1.0, 1.5, 2.0], help="metres"
    )
    parser.add_argument("--encoder", default="pip:efficientnet_lite0")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--side-px", type=int, default=448)
    arguments = parser.parse_args()
    for distance in arguments.distances:
        settings = replace(SceneSettings(), camera_distance_m=distance)
        frames = first_frames(settings, arguments.frames, arguments.side_px)
        places = np.stack([arrange(settings, s).cube_xy_m for s in range(arguments.frames)])
        chance = np.linalg.norm(places - places.mean(0), axis=1).mean()
        print(f"{distance} m: {1000 * chance:.0f} mm without looking", flush=True)
        for scales in ((1,), (1, 2)):
            errors_mm = 1000 * held_out_errors(features(arguments.encoder, scales, frames), places)
            near = 100 * (errors_mm < TOLERANCE_MM).mean()
            print(f"  scales {scales}: {errors_mm.mean():.1f} mm, {near:.0f} % near", flush=True)


if __name__ == "__main__":
    main()
