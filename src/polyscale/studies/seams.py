"""How much features disagree across tile borders, and what lowers that at what cost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.backbones import load
from polyscale.operator.multiscale import Images, MultiScale
from polyscale.operator.plan import Level, Tiling, plan_levels
from polyscale.records.seams import CONTROL, JOIN, SeamReport, Seams, WaySeams
from polyscale.stats import bootstrap_interval
from polyscale.studies.neighbours import Distances, gaps_at_edges, seams_between
from polyscale.studies.pixels import resized, to_pixels
from polyscale.types import HW, Backbone, Progress, format_scale, silent

WAYS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "overlap 0.25 hann": {"overlap": 0.25, "window": "hann"},
    "overlap 0.5 hann": {"overlap": 0.5, "window": "hann"},
    "overlap 0.5 uniform": {"overlap": 0.5},
    "shifted": {"shifted": True},
}
"""Name → options of the operator."""

LEAST_INTERIOR = 1e-6
"""Cosine distances below it are rounding."""


def measure_seams(module: MultiScale, images: Images, *, scale: float = 2) -> Seams:
    """Measure the seams of one scale on images.

    Neighbouring cells of a picture always differ a little. Seams are how much more they differ
    across the borders of the plain grid of tiles. With overlapping or shifted tiles, the same
    borders are looked at, so that the numbers can be compared.

    Args:
        module: backbone and choices; its scales do not matter.
        images: as `MultiScale` takes them.
        scale: which scale.

    Raises:
        InputError: if the scale has no border, or no whole number of tiles.
    """
    _check_scale(scale)
    config = replace(
        module.config, scales=(scale,), aspect="squash", output_grid="largest", merge="concat"
    )
    maps = _features(MultiScale(module.backbone, config=config), images)
    (plain,) = plan_levels(Tiling(scales=(scale,)), module.backbone.tile_hw)
    border = gaps_at_edges([plain], (maps.shape[2], maps.shape[3]))
    return seams_between(map(Distances.of, maps), border, ~border)


def compare_seams(
    backbone: Backbone,
    images: Sequence[Image.Image],
    *,
    scale: float = 2,
    ways: Mapping[str, Mapping[str, Any]] = WAYS,
    untiled: Backbone | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> SeamReport:
    """Measure the seams that several ways of cutting leave on the same images.

    Averaging over tiles smooths everything, so border and interior are both reported; the excess
    is their ratio less one. Interior cells are those that lie at no edge of any way's tiles. Ways
    that come to the same tiles at this scale are measured once and share a row.

    Args:
        backbone: the model.
        images: pictures of any size; they are squashed to the model's aspect.
        scale: a whole number of at least 2.
        ways: name → options of the operator, the plain grid first.
        untiled: the same model built for tiles as large as the whole scale: the control, which has
            no border, so that its excess comes from the pictures alone.
        seed: of the resampling.
        progress: told what is being done.

    Raises:
        InputError: if the scale has no border, there is no image or nothing in the images, or
            the control is of another size.
    """
    _check_scale(scale)
    if not images:
        raise InputError("images must hold at least one image, but is empty.")
    modules = _distinct(backbone, scale, ways)
    levels = {name: module.plan.levels[0] for name, module in modules.items()}
    grid_hw = (int(backbone.grid_hw[0] * scale), int(backbone.grid_hw[1] * scale))
    plain = next(iter(levels.values()))
    if untiled is not None:
        _check_untiled(untiled, plain, grid_hw)
        modules[CONTROL] = MultiScale(untiled, (1,))
    distances = _measure(modules, images, progress)
    border = gaps_at_edges([plain], grid_hw)
    interior = ~gaps_at_edges(levels.values(), grid_hw)
    measured = {name: seams_between(d, border, interior) for name, d in distances.items()}
    first, control = next(iter(measured.values())), measured.get(CONTROL)
    if min(seams.interior for seams in measured.values()) < LEAST_INTERIOR:
        raise InputError(
            "images must have some detail, but all neighbouring features are alike. "
            "Give photographs."
        )
    rows = []
    for name, seams in measured.items():
        added = gaps_at_edges([levels[name]] if name in levels else [], grid_hw) & ~border
        change, change_ci = _difference(seams, first, seed)
        over_control, over_control_ci = _difference(seams, control, seed)
        rows.append(
            WaySeams(
                name=name,
                num_tiles=levels[name].num_tiles if name in levels else 1,
                seams=seams,
                excess_ci=bootstrap_interval(
                    _excess, seams.border_each, seams.interior_each, seed=seed
                ),
                change=change,
                change_ci=change_ci,
                over_control=over_control,
                over_control_ci=over_control_ci,
                added_excess=seams_between(distances[name], added, interior).excess
                if added.any()
                else None,
                disagreement=distances[name][0].at_cells(),
            )
        )
    return SeamReport(
        model=backbone.name,
        scale=scale,
        num_images=len(images),
        image=to_pixels(resized(images[0], plain.image_hw)),
        ways=tuple(rows),
    )


def load_untiled(source: str, scale: float) -> Backbone | None:
    """The control of `compare_seams`: the same model built for one tile of the whole scale.

    Returns:
        None where the model can't be built for another size, or has no proportional grid then.

    Raises:
        InputError: if there is no such model, or the scale has no border.
    """
    _check_scale(scale)
    small = load(source, weights=False)
    tile_hw, grid_hw = ((int(scale * h), int(scale * w)) for h, w in (small.tile_hw, small.grid_hw))
    try:
        large = load(source, tile_hw=tile_hw)
    except InputError:
        return None
    return large if large.grid_hw == grid_hw else None


def _measure(
    modules: Mapping[str, MultiScale], images: Sequence[Image.Image], progress: Progress
) -> dict[str, list[Distances]]:
    """Name → the distances in each image."""
    distances: dict[str, list[Distances]] = {name: [] for name in modules}
    for done, image in enumerate(images):
        progress("seams", done, len(images), "images")
        for name, module in modules.items():
            (map_,) = _features(module, module.preprocess([image]))
            distances[name].append(Distances.of(map_))
    progress("seams", len(images), len(images), "images")
    return distances


def _check_scale(scale: float) -> None:
    if scale != int(scale) or scale < 2:
        raise InputError(
            f"scale must be a whole number of at least 2, but got {format_scale(scale)}. "
            "Smaller ones have no border between tiles."
        )


def _check_untiled(untiled: Backbone, plain: Level, grid_hw: HW) -> None:
    if untiled.tile_hw != plain.image_hw or untiled.grid_hw != grid_hw:
        wanted, got = (f"{h}×{w} px" for h, w in (plain.image_hw, untiled.tile_hw))
        raise InputError(
            f"untiled must be built for {wanted} and {grid_hw[0]}×{grid_hw[1]} cells, but has "
            f"{got} and {untiled.grid_hw[0]}×{untiled.grid_hw[1]}. Load it with tile_hw."
        )


def _distinct(
    backbone: Backbone, scale: float, ways: Mapping[str, Mapping[str, Any]]
) -> dict[str, MultiScale]:
    """A module for each way; ways that cut and blend alike become one, with both names."""
    named: dict[Level, list[str]] = {}
    modules = {}
    for name, options in ways.items():
        module = MultiScale(backbone, (scale,), output_grid="largest", **options)
        (level,) = module.plan.levels
        named.setdefault(level, []).append(name)
        modules[level] = module
    return {JOIN.join(names): modules[level] for level, names in named.items()}


def _features(module: MultiScale, images: Images) -> Float[Tensor, "images dim rows columns"]:
    with torch.inference_mode():
        return module(images).map.float()


def _difference(
    seams: Seams, other: Seams | None, seed: int
) -> tuple[float | None, tuple[float, float] | None]:
    """One excess less another, and its paired interval."""
    if other is None or other is seams:
        return None, None
    samples = seams.border_each, seams.interior_each, other.border_each, other.interior_each
    return seams.excess - other.excess, bootstrap_interval(_change, *samples, seed=seed)


def _excess(border: np.ndarray, interior: np.ndarray) -> np.ndarray:
    return border.mean(-1) / interior.mean(-1) - 1


def _change(
    border: np.ndarray, interior: np.ndarray, of_border: np.ndarray, of_interior: np.ndarray
) -> np.ndarray:
    return _excess(border, interior) - _excess(of_border, of_interior)
