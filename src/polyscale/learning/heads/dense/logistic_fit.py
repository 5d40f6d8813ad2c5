"""Linear heads as logistic regression on cells: one minimum, and a proof that it was reached.

What is minimised is the cross-entropy of all pixels, each with the scores of its cell. The features
are standardised and λ is chosen as for the probe of whole images (`heads.logistic`), but on halves
of the images, since cells of one image are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.cells import Cells, sample_cells
from polyscale.learning.heads.dense.depth import LinearDepthBins
from polyscale.learning.heads.dense.fits import Fit, Fitted, Told
from polyscale.learning.heads.dense.segmentation import LinearSegmentation
from polyscale.learning.heads.dense.train import Maps, Targets
from polyscale.learning.heads.lbfgs import Array
from polyscale.learning.heads.logistic import (
    CONVERGED,
    ScoredPenalty,
    choose_penalty,
    converge,
    product_precision,
)
from polyscale.learning.heads.logistic_solver import Problem, Rows, standardise

UNSEEN = -1e4
"""Logit of an output without a pixel."""

MAX_ROWS = 2**14
"""Cells that a linear head is fitted to."""

NUM_BINS = 32
"""Bins of depth, each with equally many pixels."""

IMAGES_FOR_BINS = 64
"""Images in which depths are looked at to place bins."""


@dataclass(frozen=True, kw_only=True)
class _LogisticFit(Fit):
    """The base of both.

    Attributes:
        max_rows: approximate number of cells. Of more cells, a sample is taken.
        regulariser: a fixed λ, relative to the mean squared norm of the standardised features;
            None chooses it by the log loss in images that a fit has not seen.
    """

    max_rows: int = MAX_ROWS
    regulariser: float | None = None

    def solve(self, cells: Cells, seed: int) -> "_Linear":
        """Logistic regression of the classes of pixels on the features of their cells."""
        outputs = np.flatnonzero(cells.shares.any(axis=0))
        rows = standardise(cells.features, product_precision(cells.features))
        problem = Problem.of(rows, cells.shares[:, outputs])
        penalty, choice = self.regulariser, None
        if penalty is None:
            choice = _choose(problem, cells.images, seed)
            penalty = choice.penalty
        solution = converge(problem, penalty, problem.prior, CONVERGED)
        facts = {
            "cells": len(rows),
            "regulariser": penalty,
            "regulariser_at_edge": choice is not None and choice.at_edge,
            "gradient_ratio": solution.gradient_ratio,
            "converged": solution.converged,
            "iterations": solution.num_iterations,
        }
        return _Linear(rows, outputs, solution.model, facts)


@dataclass(frozen=True, kw_only=True)
class SegmentationFit(_LogisticFit):
    """Cross-entropy of the classes of pixels. Classes without a pixel never win."""

    def __call__(
        self, maps: Maps, targets: Targets, arguments: Mapping[str, Any], *, seed: int, **told: Told
    ) -> Fitted:
        """Fit a `LinearSegmentation`."""
        num_classes = arguments["num_classes"]
        cells = sample_cells(
            maps, targets, num_classes=num_classes, seed=seed, max_rows=self.max_rows, **told
        )
        linear = self.solve(cells, seed)
        head = LinearSegmentation(in_channels=maps.shape[-1], num_classes=num_classes)
        linear.write(head.norm, head.classify)
        return Fitted(head.eval(), linear.facts)


@dataclass(frozen=True, kw_only=True)
class DepthFit(_LogisticFit):
    """Cross-entropy of bins of depth, whose mean under the softmax is the prediction.

    Attributes:
        num_bins: each has about equally many pixels, and stands for their mean depth.
    """

    num_bins: int = NUM_BINS

    def __call__(
        self, maps: Maps, targets: Targets, arguments: Mapping[str, Any], *, seed: int, **told: Told
    ) -> Fitted:
        """Fit a `LinearDepthBins`."""
        least, most = arguments["min_depth_m"], arguments["max_depth_m"]
        bins = DepthBins.of(targets, (least, most), self.num_bins)
        num_bins = len(bins.means_m)
        cells = sample_cells(
            maps, bins, num_classes=num_bins, seed=seed, max_rows=self.max_rows, **told
        )
        linear = self.solve(cells, seed)
        head = LinearDepthBins(
            in_channels=maps.shape[-1],
            min_depth_m=least,
            max_depth_m=most,
            bins_m=bins.means_m.tolist(),
        )
        linear.write(head.standardise, head.linear)
        return Fitted(head.eval(), linear.facts)


@dataclass(frozen=True)
class DepthBins:
    """Depth as labels: the bin of each pixel.

    Attributes:
        targets: metres of the pixels, NaN where unknown.
        range_m: smallest and largest depth that count.
        ends_m: largest depth of each bin, rising (bins,); the last one has all beyond as well.
        means_m: mean depth of each bin (bins,).
    """

    targets: Targets
    range_m: tuple[float, float]
    ends_m: NDArray[np.float64]
    means_m: NDArray[np.float64]

    @classmethod
    def of(cls, targets: Targets, range_m: tuple[float, float], num_bins: int) -> "DepthBins":
        """At most so many bins with about equally many pixels, by some images evenly chosen.

        Raises:
            InputError: if no depth of them is known and in the range.
        """
        some = np.linspace(0, len(targets) - 1, min(len(targets), IMAGES_FOR_BINS)).astype(int)
        metres = targets.take(some).astype(np.float64)
        metres = metres[_inside(metres, range_m)]
        if not len(metres):
            raise InputError(
                f"targets must hold depths from {range_m[0]:g} to {range_m[1]:g} m, but none is. "
                "Check their unit and the range."
            )
        # ends are depths that occur, so no bin is empty
        shares = np.linspace(0, 1, num_bins + 1)[1:]
        ends = np.unique(np.quantile(metres, shares, method="inverted_cdf"))
        bins = np.searchsorted(ends, metres)
        return cls(targets, range_m, ends, np.bincount(bins, weights=metres) / np.bincount(bins))

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: NDArray[np.integer]) -> NDArray[np.int16]:
        """Bins of the pixels of some images, `IGNORED` where depth is unknown."""
        metres = self.targets.take(indices)
        bins = np.searchsorted(self.ends_m[:-1], metres)
        return np.where(_inside(metres, self.range_m), bins, IGNORED).astype(np.int16)


def _inside(metres: NDArray[np.floating], range_m: tuple[float, float]) -> NDArray[np.bool_]:
    return (metres >= range_m[0]) & (metres <= range_m[1])  # False for NaN


@dataclass(frozen=True)
class _Linear:
    """A model, the rows that it was fitted to, which outputs it has, and how it was fitted."""

    rows: Rows
    outputs: NDArray[np.int64]
    model: Array
    facts: dict[str, Any]

    @torch.no_grad()
    def write(self, norm: nn.BatchNorm2d, layer: nn.Conv2d) -> None:
        """As weights of a norm and a linear layer, whose other outputs never win."""
        rows, model = self.rows, self.model
        size = 1 / np.where(rows.scale == 0, 1, rows.scale)
        variance = np.maximum(size**2 - norm.eps, 0)
        weights = model[:, :-1] * rows.scale * np.sqrt(variance + norm.eps)
        intercept = model[:, -1]
        if len(self.outputs) == 2:  # both share one vector
            weights, intercept = (np.concatenate([0 * a, a]) for a in (weights, intercept))
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert layer.bias is not None
        norm.running_mean.copy_(torch.from_numpy(np.asarray(rows.mean)))
        norm.running_var.copy_(torch.from_numpy(variance))
        layer.weight.zero_()
        layer.bias.fill_(UNSEEN)
        layer.weight[self.outputs, :, 0, 0] = torch.from_numpy(weights).float()
        layer.bias[self.outputs] = torch.from_numpy(intercept).float()


def _choose(problem: Problem, images: NDArray[np.int64], seed: int) -> ScoredPenalty:
    """λ by the log loss of pixels in images that were held out, each half of the images in turn.

    A class whose pixels are all in one half has no part in the choice.
    """
    shares = problem.labels
    order = np.random.default_rng(seed).permutation(np.unique(images))
    folds = np.isin(images, order[::2]).astype(np.int64)
    shared = shares[folds == 0].any(axis=0) & shares[folds == 1].any(axis=0)
    if shared.sum() < 2:
        raise InputError(
            "targets must show two classes or depths in several images each, to choose λ on, "
            f"but got {shared.sum()}. Add images, or give a regulariser."
        )
    kept = np.flatnonzero(shares[:, shared].any(axis=1))
    part = shares[kept][:, shared]
    part /= part.sum(axis=1, keepdims=True)
    return choose_penalty(replace(problem.subset(kept), labels=part), folds[kept])
