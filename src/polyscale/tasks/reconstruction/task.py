"""The task `reconstruction`, whose data need a target model and come from a study."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np
import psutil
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.learning.heads import Linear, Moments, residual_products, total
from polyscale.operator.multiscale import MultiScale
from polyscale.records import RESIDUALS_FILE, Metric
from polyscale.tasks.evaluation import Case, Evaluation, Scores
from polyscale.tasks.files import answers_table
from polyscale.tasks.reconstruction.data import ReconstructionData
from polyscale.tasks.reconstruction.fit import FittedMap, fit_map, image_losses
from polyscale.tasks.reconstruction.maps import about_resampling
from polyscale.tasks.reconstruction.scores import Information
from polyscale.tasks.reconstruction.settings import ReconstructionSettings
from polyscale.tasks.reconstruction.tokens import NUM_FOLDS, Tokens, target_maps
from polyscale.tasks.task import AddOn, Task
from polyscale.types import Candidate

NUM_COPIES = NUM_FOLDS + 7
"""Matrices of moments that are in memory at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitFigures:
    """How a split is reconstructed.

    Attributes:
        information: of its images.
        r2: of each channel of the target that varies (num_channels,).
        variances: of the target along its principal directions, which are those of the training
            images (channels,).
        residuals: mean square of what is left unexplained along them (channels,).
        cka: linear CKA of candidate and target, 0 to 1.
    """

    information: Information
    r2: Float[np.ndarray, " num_channels"]
    variances: Float[np.ndarray, " channels"]
    residuals: Float[np.ndarray, " channels"]
    cka: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """The linear map of a candidate, and what it explains in both splits."""

    model: Linear
    train: SplitFigures
    test: SplitFigures


class Reconstruction(Task):
    """How much of a target model's features is a linear function of a candidate's (section 4.2).

    One linear map serves all tokens. Its loss l is the mean squared error over tokens and channels,
    and l0 is that of the best constant of the same split. The information is -log2(l / l0) bits: a
    bit more halves the loss.
    """

    name = "reconstruction"
    metric = Metric(
        key="info_bits",
        name="Information",
        unit="bits",
        noun="information",
        sentence="tells {value} about the target’s features of {num} test images",
        second="tells",
        about="-log2(l / l0), where l is the loss of a linear map to the target’s features, and "
        "l0 that of the best constant",
    )
    other_metrics = (
        Metric(key="loss", name="Loss", higher_is_better=False),
        Metric(key="loss_constant", name="Loss of the best constant", higher_is_better=False),
        Metric(key="ratio", name="Share of the upper bound", unit="%"),
    )
    shown_only = ("loss", "loss_constant", "ratio")
    settings_type = ReconstructionSettings
    data_type = ReconstructionData
    statistics = ("loss", "loss_constant")
    reduction = None

    def check(self, module: MultiScale, candidate: Candidate, data: Any, settings: Any) -> None:
        """Raise an InputError for grids that cannot be aligned, too few images or little memory."""
        grid_hw, target_hw = module.plan.grid_hw, data.target.grid_hw
        if any(own == 1 < wanted for own, wanted in zip(grid_hw, target_hw, strict=True)):
            raise InputError(
                f"{candidate} must have a map that can be aligned with the {target_hw[0]}×"
                f"{target_hw[1]} cells of {data.target.candidate}, but has "
                f"{grid_hw[0]}×{grid_hw[1]}, which do not tell places apart. Leave it out."
            )
        dim, num = module.out_channels, len(data.train)
        cells = prod(map(min, zip(grid_hw, target_hw, strict=True)))
        num_folds = min(NUM_FOLDS, num)
        num_seen = num - ceil(num / num_folds)
        if num_seen * cells <= dim:
            needed = ceil((dim // cells + 1) * NUM_FOLDS / (NUM_FOLDS - 1))
            raise InputError(
                f"data {data.name} must have at least {needed} training images for {candidate}, "
                f"so that there are more tokens than its {dim} channels where a fold is left out, "
                f"but has {num} of {cells} tokens each. Add images, or take fewer scales."
            )
        num_bytes = 8 * NUM_COPIES * (1 + dim + data.target.dim) ** 2
        if num_bytes > (there := psutil.virtual_memory().total):
            raise InputError(
                f"{candidate} must have moments that fit into memory, but those of {dim} channels "
                f"and {data.target.dim} of the target take {num_bytes / 1e9:.0f} GB, of "
                f"{there / 1e9:.0f}. Take fewer scales."
            )

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """The target, the upper bound, and which features are meant."""
        target = data.target
        return {
            "target": str(target.candidate),
            "target_weights": target.weights,
            "target_grid": list(target.grid_hw),
            "target_dim": target.dim,
            "upper": data.upper,
            "features": "per scale: the map on the grid of one tile, kept in float16; no class "
            "tokens",
            **super().facts(data, settings),
        }

    def prepare(self, data: Any, settings: Any) -> Tokens:
        """Folds, and moments once they are asked for."""
        return Tokens(data, settings.seed)

    def addons(self, settings: Any) -> tuple[AddOn, ...]:
        """None: the floor is the best constant, at 0 bits."""
        return ()

    def evaluate(self, case: Case) -> Evaluation:
        """Fit a linear map to the training images, and judge it on both splits."""
        tokens: Tokens = case.prepared
        constants = case.data.constants
        with case.stage("moments"):
            moments = tokens.moments(case)
        with case.stage("linear maps"):
            fitted = fit_map(moments.folds)
        with case.stage("judging"):
            train, held, test = _losses(case, fitted)
            seen = Information(train, constants["train"])
            explained = Explained(
                model=fitted.model,
                train=_figures(seen, fitted.model, total(moments.folds), tokens.axes),
                test=_figures(
                    Information(test, constants["test"]), fitted.model, moments.test, tokens.axes
                ),
            )
        plan, grid_hw = case.module.plan, case.data.target.grid_hw
        return Evaluation(
            scores=_scores(explained.test.information),
            selection=_scores(Information(held, constants["train"])),
            train_value=seen.value,
            head=explained,
            facts={**fitted.facts, "resampled": about_resampling(plan.grid_hw, grid_hw)},
            module=case.module,
            feature_dim=case.module.out_channels,
            num_train=len(case.data.train),
            num_tiles=plan.num_tiles,
            test=case.test.on(grid_hw),
        )

    def own_files(self) -> tuple[str, ...]:
        """What the study writes."""
        return ("reconstruction.json", RESIDUALS_FILE)

    def gallery(self, evaluations: Mapping[Candidate, Evaluation], data: Any, prepared: Any) -> Any:
        """Nothing: the study's own pictures show where something is left unexplained."""
        return answers_table(())


def _losses(case: Case, fitted: FittedMap) -> tuple[NDArray, NDArray, NDArray]:
    """Loss of each training image, of each by the map that had not seen it, and of test images."""
    data, folds, grid_hw = case.data, case.prepared.folds, case.data.target.grid_hw
    train, test = case.train.on(grid_hw), case.test.on(grid_hw)
    total_images, done = 2 * len(folds) + len(data.test), 0

    def judge(model: Linear, split: str, images: NDArray[np.integer]) -> NDArray[np.float64]:
        nonlocal done
        maps = train if split == "train" else test
        step = f"{case.candidate}: losses"

        def tell(num: int) -> None:
            case.progress(step, done + num, total_images, "images")

        losses = image_losses(model, maps, target_maps(data, split), images, tell)
        done += len(images)
        return losses

    held = np.empty(len(folds))
    for number, model in enumerate(fitted.of_folds):
        images = np.flatnonzero(folds == number)
        held[images] = judge(model, "train", images)
    seen = judge(fitted.model, "train", np.arange(len(folds)))
    return seen, held, judge(fitted.model, "test", np.arange(len(data.test)))


def _figures(
    information: Information, model: Linear, moments: Moments, axes: NDArray[np.float64]
) -> SplitFigures:
    """What is left unexplained by channel and by direction, from the moments alone."""
    residual = residual_products(model, moments)
    scatter, dim = moments.scatter, moments.dim
    own, crossed, other = scatter[:dim, :dim], scatter[:dim, dim:], scatter[dim:, dim:]
    variances = np.diag(other) / moments.num_rows
    varies = variances > 1e-12 * variances.max()
    norms = np.linalg.norm(own) * np.linalg.norm(other)
    return SplitFigures(
        information=information,
        r2=1 - np.diag(residual)[varies] / variances[varies],
        variances=np.einsum("ij,ij->j", axes, other @ axes) / moments.num_rows,
        residuals=np.einsum("ij,ij->j", axes, residual @ axes),
        cka=min(1.0, float(np.linalg.norm(crossed) ** 2 / norms)),
    )


def _scores(information: Information) -> Scores:
    constant = information.constant
    value = constant.value
    return Scores(
        value=information.value,
        weighted=information,
        others={"loss": float(information.losses.mean()), "loss_constant": value},
        columns={"loss": information.losses, "loss_constant": constant.squares},
        image_scores=information.of_images,
    )
