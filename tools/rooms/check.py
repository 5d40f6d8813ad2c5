"""Checks of written files: same bytes when rendered again, and depth and labels against rays."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from tools.rooms.camera import Camera
from tools.rooms.mesh import Floats
from tools.rooms.render import Compiled
from tools.rooms.sample import IMAGE_PX, Scene, draw_scene
from tools.rooms.splits import SPLITS, labels, make_row

NUM_RAYS = 400
# Rays and rasteriser may choose different surfaces at a silhouette; depth is stored in 10 mm steps.
DEPTH_TOLERANCE_MM = 15
MAX_DISAGREEING = 0.01


def check_split(folder: Path, split: str, seed: int, num: int, num_rows: int) -> bool:
    """Compare `num_rows` evenly chosen rows of a split; prints one line a row."""
    stored = pq.read_table(folder / f"{split}.parquet").to_pylist()
    wanted = labels(seed, split, num)
    if [row["label"] for row in stored] != wanted:
        print(f"{split}: labels are not those of seed {seed} and {num} samples", file=sys.stderr)
        return False
    indices = np.unique(np.linspace(0, num - 1, num_rows).round().astype(int))
    results = [_check_row(stored[i], (seed, split, int(i), wanted[i])) for i in indices]
    return all(results)


def _check_row(stored: dict[str, Any], task: tuple[int, str, int, int]) -> bool:
    differing = [name for name, value in make_row(task).items() if not _equal(stored[name], value)]
    seed, split, index, label = task
    scene = draw_scene(seed, SPLITS[split], index, label)
    depth, semantic = (_pixels(stored[name]) for name in ("depth", "semantic"))
    wrong_depth, wrong_label = ray_disagreement(scene, depth, semantic)
    good = not differing and max(wrong_depth, wrong_label) <= MAX_DISAGREEING
    verdict = "ok" if good else "FAILED"
    rays = f"rays that disagree: depth {wrong_depth:.2%}, label {wrong_label:.2%}"
    columns = f"columns that differ: {', '.join(differing) or 'none'}"
    print(f"{stored['id']}: {verdict}; {columns}; {rays}", file=sys.stderr)
    return good


def _equal(stored: Any, fresh: Any) -> bool:
    if isinstance(fresh, float):
        return bool(np.float32(stored) == np.float32(fresh))
    return bool(stored == fresh)


def _pixels(file: dict[str, Any]) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(file["bytes"]))).astype(np.int64)


def ray_disagreement(
    scene: Scene, depth_mm: NDArray[np.int64], semantic: NDArray[np.int64]
) -> tuple[float, float]:
    """Shares of random pixels whose depth or label differs from what a ray meets there."""
    pixels = np.random.default_rng(0).integers(0, IMAGE_PX, (NUM_RAYS, 2))
    wrong_depth = wrong_label = 0
    for row, column in pixels:
        hit_mm, label = _cast(scene.compiled, scene.camera, row + 0.5, column + 0.5)
        wrong_depth += abs(hit_mm - depth_mm[row, column]) > DEPTH_TOLERANCE_MM
        wrong_label += label != semantic[row, column]
    return wrong_depth / NUM_RAYS, wrong_label / NUM_RAYS


def _cast(compiled: Compiled, camera: Camera, y_px: float, x_px: float) -> tuple[float, int]:
    """Planar depth in millimetres and class id of the first surface on a pixel's ray."""
    ray = _direction(camera, y_px, x_px)
    geom = np.zeros(1, np.int32)
    distance = mujoco.mj_ray(compiled.model, compiled.data, camera.position, ray, None, 1, -1, geom)
    return 1000 * float(distance), int(compiled.class_of_geom[geom[0]])


def _direction(camera: Camera, y_px: float, x_px: float) -> Floats:
    """Vector (3,) through a pixel whose component along the view is one metre."""
    reach = np.tan(np.radians(camera.fov_deg) / 2) * 2 / IMAGE_PX
    x, y = (x_px - IMAGE_PX / 2) * reach, (IMAGE_PX / 2 - y_px) * reach
    return np.cross(camera.up, camera.right) + x * camera.right + y * camera.up
