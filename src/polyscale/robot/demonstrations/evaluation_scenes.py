"""The scenes in which policies are tested."""

import io
from hashlib import blake2b
from threading import Lock

import numpy as np
from PIL import Image

from polyscale.checks import check_integer
from polyscale.data import EvaluationScenes, Pictures
from polyscale.robot.demonstrations.lerobot_writer import encode_png
from polyscale.robot.simulation.arrangement import arrange
from polyscale.robot.simulation.scene import PickingScene, simulator_versions
from polyscale.robot.simulation.seeds import EVALUATION
from polyscale.robot.simulation.settings import SceneSettings

MOST = 100_000
"""Largest number of test episodes."""


def make_evaluation_scenes(
    settings: SceneSettings, trials: int, side_px: int = 448
) -> EvaluationScenes:
    """Make the first scenes in which policies are tested, which are the same in every call.

    All frames are rendered together when the first one is read.

    Args:
        settings: settings of the scene.
        trials: number of scenes, 1 to 100 000.
        side_px: height and width of the frames.

    Raises:
        InputError: if `trials` is not in its range.
        MissingExtraError: if MuJoCo or gymnasium-robotics is not installed.
    """
    trials = check_integer("trials", trials, 1, MOST)
    seeds = tuple(EVALUATION[:trials])
    cubes = [arrange(settings, seed).cube_xy_m for seed in seeds]
    frames = _Frames(settings, seeds, side_px)
    words = repr((simulator_versions(), settings, seeds, side_px))
    fingerprint = blake2b(words.encode(), digest_size=16).hexdigest()
    pictures = Pictures(tuple(f"scene-{i:04d}" for i in range(trials)), frames, fingerprint)
    return EvaluationScenes(seeds, pictures, np.stack(cubes))


class _Frames:
    """Reads the first frames, which it keeps as PNG in memory; see `ReadImage`."""

    def __init__(self, settings: SceneSettings, seeds: tuple[int, ...], side_px: int) -> None:
        self._settings, self._seeds, self._side_px = settings, seeds, side_px
        self._encoded: list[bytes] = []
        self._lock = Lock()

    def __call__(self, index: int, min_side: int | None = None) -> Image.Image:
        with self._lock:
            if not self._encoded:
                self._encoded = self._draw()
        return Image.open(io.BytesIO(self._encoded[index])).convert("RGB")

    def _draw(self) -> list[bytes]:
        with PickingScene(self._settings, self._side_px) as scene:
            return [encode_png(scene.reset(seed).image) for seed in self._seeds]
