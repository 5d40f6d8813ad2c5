"""Linear heads as logistic regression on points: one minimum, and a proof that it was reached.

The features are standardised and λ is chosen as for the probe of whole images (`heads.logistic`),
but on halves of the images, since points of one image are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from polyscale.errors import InputError
from polyscale.learning.heads.dense.depth import LinearDepthBins
from polyscale.learning.heads.dense.fits import Fit, Fitted
from polyscale.learning.heads.dense.points import Points
from polyscale.learning.heads.dense.segmentation import LinearSegmentation
from polyscale.learning.heads.logistic import (
    CONVERGED,
    ScoredPenalty,
    Solution,
    choose_penalty,
    converge,
    product_precision,
)
from polyscale.learning.heads.logistic_solver import Problem, Rows, standardise

UNSEEN = -1e4
"""Logit of an output without a point."""

MAX_ROWS = 2**14
"""Points of a linear head."""

NUM_BINS = 32
"""Bins of depth, each with equally many points."""


@dataclass(frozen=True, kw_only=True)
class _LogisticFit(Fit):
    """The base of both.

    Attributes:
        max_rows: approximate number of points.
        regulariser: a fixed λ, relative to the mean squared norm of the standardised features;
            None chooses it by the log loss in images that a fit has not seen.
    """

    max_rows: int = MAX_ROWS
    regulariser: float | None = None

    def solve(self, points: Points, labels: NDArray[np.int64], seed: int) -> "_Linear":
        """Logistic regression of labels (rows,), 0 … and all present, on the points.

        Raises:
            InputError: if all labels are the same, or λ cannot be chosen.
        """
        if len(labels) == 0 or labels.max() == 0:
            raise InputError(
                "targets must hold at least two classes, or two depths, but got "
                f"{len(np.unique(labels))}. Add images with another one."
            )
        rows = standardise(points.features, product_precision(points.features))
        problem = Problem.of(rows, labels)
        penalty, choice = self.regulariser, None
        if penalty is None:
            choice = _choose(problem, points.images, seed)
            penalty = choice.penalty
        solution = converge(problem, penalty, problem.prior, CONVERGED)
        facts = {
            "points": len(rows),
            "regulariser": penalty,
            "regulariser_at_edge": choice is not None and choice.at_edge,
            "gradient_ratio": solution.gradient_ratio,
            "converged": solution.converged,
            "iterations": solution.num_iterations,
        }
        return _Linear(rows, solution, facts)


@dataclass(frozen=True, kw_only=True)
class SegmentationFit(_LogisticFit):
    """Cross-entropy of the classes of pixels. Classes without a point never win."""

    def __call__(self, points: Points, arguments: Mapping[str, Any], *, seed: int) -> Fitted:
        """Fit a `LinearSegmentation`."""
        present, labels = np.unique(points.targets, return_inverse=True)
        linear = self.solve(points, labels, seed)
        head = LinearSegmentation(in_channels=points.features.shape[1], **arguments)
        linear.write(head.norm, head.classify, present)
        return Fitted(head.eval(), linear.facts)


@dataclass(frozen=True, kw_only=True)
class DepthFit(_LogisticFit):
    """Cross-entropy of bins of depth, whose mean under the softmax is the prediction.

    Attributes:
        num_bins: each has equally many points, and stands for their mean depth.
    """

    num_bins: int = NUM_BINS

    def __call__(self, points: Points, arguments: Mapping[str, Any], *, seed: int) -> Fitted:
        """Fit a `LinearDepthBins`."""
        least, most = arguments["min_depth_m"], arguments["max_depth_m"]
        known = (points.targets >= least) & (points.targets <= most)
        if not known.any():
            raise InputError(
                f"targets must hold depths from {least:g} to {most:g} m, but none is. "
                "Check their unit and the range."
            )
        points = Points(points.features[known], points.targets[known], points.images[known])
        edges = np.quantile(points.targets, np.linspace(0, 1, self.num_bins + 1)[1:-1])
        present, labels = np.unique(np.searchsorted(edges, points.targets), return_inverse=True)
        linear = self.solve(points, labels, seed)
        bins_m = np.bincount(labels, weights=points.targets) / np.bincount(labels)
        head = LinearDepthBins(
            in_channels=points.features.shape[1], bins_m=bins_m.tolist(), **arguments
        )
        linear.write(head.standardise, head.linear, np.arange(len(present)))
        return Fitted(head.eval(), linear.facts)


@dataclass(frozen=True)
class _Linear:
    """A solution, the rows that it was found on, and how."""

    rows: Rows
    solution: Solution
    facts: dict[str, Any]

    @torch.no_grad()
    def write(self, norm: nn.BatchNorm2d, layer: nn.Conv2d, outputs: NDArray[np.int64]) -> None:
        """As weights of a norm and a linear layer, whose other outputs never win."""
        rows, model = self.rows, self.solution.model
        size = 1 / np.where(rows.scale == 0, 1, rows.scale)
        variance = np.maximum(size**2 - norm.eps, 0)
        weights = model[:, :-1] * rows.scale * np.sqrt(variance + norm.eps)
        intercept = model[:, -1]
        if len(outputs) == 2:  # both share one vector
            weights, intercept = (np.concatenate([0 * a, a]) for a in (weights, intercept))
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert layer.bias is not None
        norm.running_mean.copy_(torch.from_numpy(np.asarray(rows.mean)))
        norm.running_var.copy_(torch.from_numpy(variance))
        layer.weight.zero_()
        layer.bias.fill_(UNSEEN)
        layer.weight[outputs, :, 0, 0] = torch.from_numpy(weights).float()
        layer.bias[outputs] = torch.from_numpy(intercept).float()


def _choose(problem: Problem, images: NDArray[np.int64], seed: int) -> ScoredPenalty:
    """λ by the log loss of points in images that were held out, each half of the images in turn.

    A class whose points are all in one half has no part in the choice.
    """
    labels = problem.labels
    # the class of each pair of class and image
    of_pairs = np.unique(np.stack([labels, images], axis=1), axis=0)[:, 0]
    kept = np.flatnonzero(np.bincount(of_pairs)[labels] > 1)
    folds = np.full(len(labels), -1)
    if len(kept):
        splitter = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
        for fold, (_, held_out) in enumerate(splitter.split(kept, labels[kept], images[kept])):
            folds[kept[held_out]] = fold
    shared = np.intersect1d(labels[folds == 0], labels[folds == 1])
    if len(shared) < 2:
        raise InputError(
            "targets must show two classes or depths in several images each, to choose λ on, "
            f"but got {len(shared)}. Add images, or give a regulariser."
        )
    kept = np.flatnonzero(np.isin(labels, shared))
    compact = np.searchsorted(shared, labels[kept])
    return choose_penalty(replace(problem.subset(kept), labels=compact), folds[kept])
