"""Heads that are fitted to cells in one go, in seconds: k nearest cells, logistic regression."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyscale.errors import InputError
from polyscale.heads.dense.cell_logistic import fit_cells_logistic
from polyscale.heads.dense.cells import Cells, sample_cells
from polyscale.heads.dense.head import Maps, Targets
from polyscale.heads.dense.neighbours import NeighbourSegmentation
from polyscale.types import Progress, silent


def fit_patches(
    kind: str,
    maps: Maps,
    targets: Targets,
    *,
    num_classes: int,
    seed: int = 0,
    max_rows: int = 4096,
    step: str = "cells",
    progress: Progress = silent,
    **options: Any,
) -> nn.Module:
    """Fit a head to labelled cells, of which each has the class of most of its pixels.

    Args:
        kind: "knn" or "logistic".
        maps: features of the training images.
        targets: labels of the same.
        num_classes: labels are below it.
        seed: of the sample of cells, and of the folds.
        max_rows: cells of the sample, about.
        step: how progress calls it.
        progress: told the images that were read.
        options: `k` of "knn"; `regulariser`, the λ, of "logistic", instead of one chosen.

    Returns:
        A `DenseHead` in evaluation mode.

    Raises:
        InputError: if the kind or an option is not known, maps and targets differ in number, or
            there are fewer than two classes.
    """
    check_patch_options(kind, {"max_rows": max_rows, **options})
    cells = sample_cells(
        maps,
        targets,
        num_classes=num_classes,
        seed=seed,
        max_rows=max_rows,
        step=step,
        progress=progress,
    )
    make = _knn if kind == "knn" else fit_cells_logistic
    return make(cells, num_classes, seed, **options).eval()


def check_patch_options(kind: str, options: Mapping[str, Any]) -> None:
    """Refuse a kind or an option that is not known, see `fit_patches`.

    Raises:
        InputError: naming it.
    """
    known = {"knn": {"k"}, "logistic": {"regulariser"}}
    if kind not in known:
        raise InputError(f"kind must be 'knn' or 'logistic', but got {kind!r}.")
    if unknown := sorted(options.keys() - known[kind] - {"max_rows"}):
        raise InputError(
            f"options of {kind} must be among max_rows and {', '.join(known[kind])}, "
            f"but got {unknown[0]}."
        )
    for name, value in options.items():
        if not value > 0:
            raise InputError(f"{name} must be above 0, but got {value}.")


def _knn(cells: Cells, num_classes: int, seed: int, *, k: int = 20) -> nn.Module:
    num_rows, channels = cells.features.shape
    head = NeighbourSegmentation(
        in_channels=channels, num_classes=num_classes, num_rows=num_rows, k=k
    )
    head.remember(torch.from_numpy(cells.features), torch.from_numpy(cells.labels))
    return head
