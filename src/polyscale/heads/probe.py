"""One call for the study: which probe, by the name of its protocol."""

from typing import Literal, get_args

from polyscale.errors import InputError
from polyscale.heads.checks import Features, Labels
from polyscale.heads.logistic import fit_logistic_probe
from polyscale.heads.paper import fit_paper_probe
from polyscale.heads.result import ProbeResult

Protocol = Literal["fast", "paper"]
"""Converged logistic regression, or the paper's 30 epochs."""


def probe(
    features: Features,
    labels: Labels,
    test: Features,
    *,
    protocol: Protocol = "fast",
    seed: int = 0,
    device: str = "cpu",
) -> ProbeResult:
    """Fit on the training images, predict the test images.

    Args:
        features: of the training images (num_train, dim).
        labels: 0 … classes - 1, each class at least twice (num_train,).
        test: features of the test images (num_test, dim).
        protocol: "fast" or "paper".
        seed: of the folds, and of the paper's initial weights and order.
        device: where the paper's layer is trained.

    Raises:
        InputError: if rows don't fit or are not finite, or a class is missing or too rare.
    """
    if protocol not in get_args(Protocol):
        raise InputError(f"protocol must be 'fast' or 'paper', but got {protocol!r}.")
    if protocol == "paper":
        return fit_paper_probe(features, labels, test, seed=seed, device=device)
    return fit_logistic_probe(features, labels, test, seed=seed)
