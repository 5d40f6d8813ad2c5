"""The starts of the episodes in which policies are tested."""

import io
from hashlib import blake2b
from threading import Lock

import numpy as np
from PIL import Image

from polyscale.data import Pictures, Starts
from polyscale.operator.plan import check_count
from polyscale.robot.arrangement import arrange
from polyscale.robot.lerobot_writer import encode_png
from polyscale.robot.scene import PickingScene
from polyscale.robot.settings import SceneSettings

FIRST_SEED = 10**10
"""First seed of test episodes, above the seeds of all recordings."""

FORMAT = 1
"""Part of the fingerprint; increase it when the same settings and seeds give other frames."""


def make_starts(settings: SceneSettings, num: int, side_px: int = 448) -> Starts:
    """Make the first `num` starts of test episodes, which are the same in every call.

    All frames are rendered together when the first one is read.

    Args:
        settings: of the scene.
        num: number of starts.
        side_px: height and width of the frames.

    Raises:
        InputError: if `num` is no whole number of at least 1.
    """
    check_count("num", num)
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + num))
    cubes = [arrange(settings, seed).cube_xy_m for seed in seeds]
    frames = _Frames(settings, seeds, side_px)
    words = repr((FORMAT, settings, seeds, side_px))
    fingerprint = blake2b(words.encode(), digest_size=16).hexdigest()
    pictures = Pictures(tuple(f"start-{i:04d}" for i in range(num)), frames, fingerprint)
    return Starts(seeds, pictures, np.stack(cubes))


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
            return [encode_png(scene.reset(seed).picture) for seed in self._seeds]
