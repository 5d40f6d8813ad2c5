"""The linear head of segmentation as logistic regression: one minimum, and a proof of reaching it.

What is minimised is the cross-entropy of pixels with scores bilinear between cells, as the head is
used. The features are standardised and λ is chosen as for the probe of whole images
(`heads.logistic`), but by mean IoU, and on halves of the images, since pixels of one image are
alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.learning.heads.dense.fits import Fit, Fitted, Told
from polyscale.learning.heads.dense.pixels import Pixels, take_pixels
from polyscale.learning.heads.dense.segmentation import LinearSegmentation
from polyscale.learning.heads.dense.train import Maps, Targets
from polyscale.learning.heads.lbfgs import Array
from polyscale.learning.heads.logistic import (
    CONVERGED,
    LAMBDAS,
    ScoredPenalty,
    choose_penalty,
    converge,
    product_precision,
)
from polyscale.learning.heads.logistic_solver import MixedProblem, Problem, Rows, standardise
from polyscale.learning.heads.probe_data import Labels, Shares

UNSEEN = -1e4
"""Logit of a class without a pixel."""

MAX_VALUES = 2**27
"""Numbers in the features that the head is fitted to: 512 MiB."""

FIRST = LAMBDAS.index(1e-4)
"""Where the search for λ starts."""

DECADE = 2
"""Steps of `LAMBDAS` from one λ that is tried to the next."""


@dataclass(frozen=True, kw_only=True)
class LogisticFit(Fit):
    """Cross-entropy of the classes of pixels. Classes without a pixel never win.

    Attributes:
        max_rows: approximate number of rows of features, see `take_pixels`; None is as many as
            have `MAX_VALUES` numbers.
        regulariser: a fixed λ, relative to the mean squared norm of the standardised features;
            None chooses it by the mean IoU of images that a fit has not seen.
    """

    max_rows: int | None = None
    regulariser: float | None = None

    def __call__(
        self, maps: Maps, targets: Targets, arguments: Mapping[str, Any], *, seed: int, **told: Told
    ) -> Fitted:
        """Fit a `LinearSegmentation`."""
        max_rows = self.max_rows or max(1, MAX_VALUES // maps.shape[-1])
        num_classes = arguments["num_classes"]
        pixels = take_pixels(
            maps, targets, num_classes=num_classes, max_rows=max_rows, seed=seed, **told
        )
        present = np.flatnonzero(pixels.counts.any(axis=0))
        problem = _problem(pixels, pixels.counts[:, present])
        penalty, choice, start = self.regulariser, None, problem.prior
        if penalty is None:
            choice = _choose(problem, pixels.images)
            penalty, near = choice.penalty, np.mean(choice.models, axis=0)
            start = near if near.shape == start.shape else start  # a class may have had no part
        solution = converge(problem, penalty, start, CONVERGED)
        head = LinearSegmentation(in_channels=maps.shape[-1], **arguments)
        _write(head, solution.model, problem.rows, present)
        facts = {
            "pixels": round(problem.class_sizes.sum()),
            "all_cells": pixels.mixing is not None,
            "regulariser": penalty,
            "regulariser_at_edge": choice is not None and choice.at_edge,
            "gradient_ratio": solution.gradient_ratio,
            "converged": solution.converged,
            "iterations": solution.num_iterations,
        }
        return Fitted(head.eval(), facts)


def _problem(pixels: Pixels, counts: Shares) -> Problem:
    rows = standardise(pixels.features, product_precision(pixels.features))
    if pixels.mixing is None:
        return Problem.of(rows, counts)
    return MixedProblem(rows, counts, rows.gram(), pixels.mixing)


def _choose(problem: Problem, images: NDArray[np.int64]) -> ScoredPenalty:
    """λ by the mean IoU of images that were held out, each half of the images in turn.

    By log loss it would be stronger, and rare classes would hardly ever win. A class whose pixels
    are all in one half has no part in the choice.
    """
    folds = (images > np.median(np.unique(images))).astype(np.int64)
    in_each = [problem.labels[folds == fold].any(axis=0) for fold in (0, 1)]
    shared = np.flatnonzero(np.logical_and(*in_each))
    if len(shared) < 2:
        raise InputError(
            "targets must show two classes or more in several images each, to choose λ on, "
            f"but got {len(shared)}. Add images, or give a regulariser."
        )
    counts = problem.labels[:, shared]
    return choose_penalty(
        replace(problem, labels=counts),
        folds,
        loss=partial(_iou_loss, counts),
        first=FIRST,
        stride=DECADE,
    )


def _iou_loss(counts: Labels | Shares, probabilities: NDArray[np.floating]) -> float:
    """1 - mean IoU, where all pixels of a place get its most probable class."""
    best = np.eye(counts.shape[1])[probabilities.argmax(axis=1)]
    confusion = counts.T @ best
    inside = np.diag(confusion)
    return 1 - float((inside / (confusion.sum(axis=0) + confusion.sum(axis=1) - inside)).mean())


@torch.no_grad()
def _write(head: LinearSegmentation, model: Array, rows: Rows, present: NDArray[np.int64]) -> None:
    """The model as weights: the head's norm standardises, and its linear map has the rest."""
    norm, layer = head.norm, head.classify
    size = 1 / np.where(rows.scale == 0, 1, rows.scale)
    variance = np.maximum(size**2 - norm.eps, 0)
    weights = model[:, :-1] * rows.scale * np.sqrt(variance + norm.eps)
    intercept = model[:, -1]
    if len(present) == 2:  # both share one vector
        weights, intercept = (np.concatenate([0 * a, a]) for a in (weights, intercept))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert layer.bias is not None
    norm.running_mean.copy_(torch.from_numpy(np.asarray(rows.mean)))
    norm.running_var.copy_(torch.from_numpy(variance))
    layer.weight.zero_()
    layer.bias.fill_(UNSEEN)
    layer.weight[present, :, 0, 0] = torch.from_numpy(weights).float()
    layer.bias[present] = torch.from_numpy(intercept).float()
