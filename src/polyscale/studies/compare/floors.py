"""What a candidate must beat to have learned to see, and what it can hardly reach."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import first_line
from polyscale.features import StoreError, live_hash
from polyscale.operator.backbones import num_params, with_random_weights
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Contrast, Floor
from polyscale.studies.compare.features import ByScale, Extractor
from polyscale.studies.compare.plan import ComparePlan
from polyscale.tasks import Baseline, Case, PooledTask, RunSettings, Scores, Task, pooled_rows
from polyscale.tasks.settings import Rows
from polyscale.types import Candidate, TileFeatures

MakeCase: TypeAlias = "Callable[[Candidate, MultiScale, str, Rows, Rows], Case]"
"""Name, operator, hash of its weights, training and test features → a case for the task."""

LEVELS = 4
"""Of each colour channel: its histogram has 64 bins."""


class ColourHistogram(nn.Module):
    """A backbone that knows nothing but how much there is of each colour."""

    name, tile_hw, grid_hw = "colour histogram", (64, 64), (1, 1)
    dim, num_prefix, has_cls, fixed_tile = LEVELS**3, 0, False, True
    in_channels, mean, std = 3, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def forward(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        """The share of pixels in each of 4 × 4 × 4 ranges of red, green and blue."""
        level = (tiles.float() * LEVELS).long().clamp(0, LEVELS - 1)
        red, green, blue = level.flatten(2).unbind(dim=1)
        bins = F.one_hot((red * LEVELS + green) * LEVELS + blue, self.dim)
        shares = bins.float().mean(dim=1)
        # (tiles, dim) → (tiles, dim, 1, 1)
        return TileFeatures(shares[:, :, None, None], shares.new_empty(len(tiles), 0, self.dim))


class Blind(nn.Module):
    """A backbone that sees nothing: its one feature is always the same."""

    name, tile_hw, grid_hw = "blind", (64, 64), (1, 1)
    dim, num_prefix, has_cls, fixed_tile = 1, 0, False, True
    in_channels, mean, std = 3, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def forward(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        """Zeros."""
        num = len(tiles)
        return TileFeatures(tiles.new_zeros(num, 1, 1, 1), tiles.new_empty(num, 0, 1))


def run_baselines(
    plan: ComparePlan, extract: Extractor, make_case: MakeCase
) -> tuple[tuple[Baseline, ...], dict[str, str]]:
    """Answer without an image, and with models that have learned nothing.

    The models are run for tasks with one row of features for each image; dense heads would take
    long to train. One that fails is left out.

    Returns:
        The baselines, and for those that are left out the reason by their names.
    """
    found: list[Baseline] = []
    left_out: dict[str, str] = {}
    for name, make in _ways(plan, extract, make_case):
        try:
            found += make()
        except StoreError:
            raise
        except Exception as error:  # models and tasks are from outside and raise anything
            left_out[name] = first_line(error)
    return tuple(found), left_out


def compare_with_floors(
    baselines: tuple[Baseline, ...], scores: Mapping[str, Scores], task: Task, settings: RunSettings
) -> tuple[Floor, ...]:
    """Set every candidate beside every baseline, on the same resampled test images."""
    if not baselines:
        return ()
    of_floors = {each.name: each.scores for each in baselines}
    options: dict[str, Any] = {"margin": settings.margin, "seed": settings.seed}
    contrasts = task.contrasts({**scores, **of_floors}, **options)
    return tuple(
        _floor(each, contrasts, scores, task.intervals({"": each.scores}, seed=settings.seed)[""])
        for each in baselines
    )


def _floor(
    baseline: Baseline,
    contrasts: list[Contrast],
    scores: Mapping[str, Scores],
    interval: tuple[float, float],
) -> Floor:
    of_candidates = (c for c in contrasts if c.first in scores and c.second == baseline.name)
    return Floor(
        name=baseline.name,
        about=baseline.about,
        value=baseline.scores.value,
        ci_low=interval[0],
        ci_high=interval[1],
        contrasts=tuple(of_candidates),
        kind=baseline.kind,
    )


def _ways(
    plan: ComparePlan, extract: Extractor, make_case: MakeCase
) -> Iterator[tuple[str, Callable[[], tuple[Baseline, ...]]]]:
    """Name of a group of baselines → what finds them."""
    task: Task = plan.task
    settings: Any = plan.settings
    yield "answers without images", lambda: task.floors(plan.data, settings)

    def join(split: ByScale, module: MultiScale) -> Any:
        if isinstance(task, PooledTask) and not module.backbone.has_cls:
            return pooled_rows(split, module.backbone, [1], "mean")
        return settings.join(split, module)

    def case_of(name: str, model: Any, *, parallel: bool = False) -> Case:
        module, weights = settings.module(model.to(settings.device), [1]), live_hash(model)
        features = extract(module, weights=weights, name=name, parallel=parallel)
        train, test = (join(split, module) for split in (features.train, features.test))
        return make_case(Candidate(name, (1,)), module, weights, train, test)

    def of_model(
        name: str, about: str, model: Any, *, parallel: bool = False
    ) -> tuple[Baseline, ...]:
        scores = task.evaluate(case_of(name, model, parallel=parallel)).scores
        return (Baseline(name=name, about=about, scores=scores),)

    if task.blind:
        yield "blind", lambda: of_model("blind", task.blind, Blind())
        yield "ceilings", lambda: task.ceilings(case_of("ceiling", Blind()))
    if not isinstance(task, PooledTask):
        return
    yield (
        "colour histogram",
        lambda: of_model(
            "colour histogram",
            "The same head sees only how much of each colour an image has.",
            ColourHistogram(),
        ),
    )
    source, smallest = min(plan.backbones.items(), key=lambda item: num_params(item[1]))
    if isinstance(smallest, nn.Module) and num_params(smallest):
        name = f"{smallest.name} with random weights"
        yield (
            name,
            lambda: of_model(
                name,
                "The same architecture at scale 1, as it is before training.",
                with_random_weights(smallest, settings.seed),
                parallel=source not in plan.live,
            ),
        )
