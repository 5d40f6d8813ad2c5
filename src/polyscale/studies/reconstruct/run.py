"""Extracts the target's maps, then runs an ordinary comparison whose task is to predict them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from polyscale.data import DataSet, load_images
from polyscale.errors import InputError, RunError, first_line
from polyscale.features import (
    FeatureStore,
    JoinedMaps,
    extract_maps,
    temporary_folder,
    weights_hash,
)
from polyscale.operator.backbones import load, num_params
from polyscale.records import FoundReconstruction
from polyscale.studies.compare import ComparePlan, Comparison, plan_compare, run_compare
from polyscale.studies.compare.models import Candidates, NamedModels, borrowed, name_models
from polyscale.studies.compare.plan import check_pictures
from polyscale.studies.reconstruct.found import find_reconstruction, with_ratios
from polyscale.tasks.reconstruction import (
    Reconstruction,
    ReconstructionData,
    ReconstructionSettings,
    Target,
    best_constant,
)
from polyscale.types import Backbone, Candidate, Progress, silent

BOUND = (
    "An upper bound tells how much can be reconstructed at all, so it must be a model with more "
    "capacity than the target"
)


def plan_reconstruct(
    data: str | DataSet,
    target: Candidates,
    candidates: Candidates,
    *,
    upper: "Candidates | None" = None,
    settings: ReconstructionSettings | None = None,
    image_cache: str | Path | None = None,
    progress: Progress = silent,
) -> ComparePlan:
    """Read and check everything; no model runs on images.

    Args:
        data: a source as `load_images` takes it, or a loaded data set.
        target: the larger model whose features are reconstructed, with its scales; see
            `plan_compare` for how models are given.
        candidates: the models and scales that the target is reconstructed from.
        upper: the upper bound: a model that is even larger than the target; None for no bound.
        settings: everything else that the results depend on.
        image_cache: folder that keeps what was found in images for later runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule, for example if the target is its own upper bound
            or among the candidates, there are fewer tokens than channels, or grids cannot be
            aligned.
        MissingExtraError: if a package is not installed.
    """
    settings = settings or ReconstructionSettings()
    chosen = _target(target, settings)
    given, named, bound = [candidates], name_models(candidates).candidates, None
    if upper is not None:
        bound = _single(name_models(upper), "upper")
        _refuse_target(chosen, bound)
        given += [upper] * (bound not in named)
    for candidate in named:
        _refuse_target(chosen, candidate)
    if isinstance(data, str):
        data = load_images(data, seed=settings.seed, cache=image_cache, progress=progress)
    images = ReconstructionData(
        name=data.name,
        train=data.train,
        test=data.test,
        about=data.about,
        report=data.report,
        is_drawn=data.is_drawn,
        num_unlimited=data.num_unlimited,
        target=chosen,
        upper=None if bound is None else str(bound),
    )
    plan = plan_compare(images, given, settings, task=Reconstruction(), progress=progress)
    for candidate in plan.candidates:
        if plan.weights_hashes[candidate.backbone] == chosen.weights:
            _refuse_target(chosen, candidate, same=True)
    images = replace(images, warnings=_warnings(plan, bound))
    return replace(plan, data=images, facts={**plan.facts, "data_notes": list(images.notes)})


def run_reconstruct(
    plan: ComparePlan,
    *,
    cache: str | Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Run a plan of `plan_reconstruct`, with the same arguments as `run_compare`.

    Raises:
        InputError: if the target's features are not finite, or are the same everywhere.
        RunError: as `run_compare`.
    """
    target: Target = plan.data.target
    backbone = target.module.backbone
    with temporary_folder() as nowhere, borrowed([backbone]):
        store = FeatureStore(cache or nowhere, limit_bytes=cache_limit_bytes)
        maps, constants = {}, {}
        _move(backbone, plan.settings.device)
        for split in ("train", "test"):
            images = getattr(plan.data, split)
            of_scales = extract_maps(
                target.module,
                images,
                store=store,
                weights=target.weights,
                step=f"target {backbone.name}: {split} images",
                progress=progress,
            )
            maps[f"{split}_maps"] = joined = JoinedMaps(list(of_scales.values()))
            constants[split] = best_constant(joined, images.ids, str(target.candidate))
        _move(backbone, "cpu")
        plan = replace(plan, data=replace(plan.data, constants=constants, **maps))
        comparison = run_compare(
            plan, cache=store.folder, cache_limit_bytes=cache_limit_bytes, progress=progress
        )
        found = find_reconstruction(comparison, progress)
    return with_ratios(replace(comparison, reconstruction=found), found.record)


def run_and_explain(
    plan: ComparePlan,
    *,
    cache: str | Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Call `run_compare` and, with the setting `why`, also `reconstruct_larger`.

    The arguments are those of `run_compare`. If there are too few images for a reconstruction, it
    is left out, and the settings of each row say why.
    """
    given: Any = {
        "cache": cache,
        "cache_limit_bytes": cache_limit_bytes,
        "progress": progress,
    }
    comparison = run_compare(plan, **given)
    if not getattr(plan.settings, "why", False):
        return comparison
    try:
        return replace(comparison, reconstruction=reconstruct_larger(comparison, **given))
    except (InputError, RunError) as error:
        left_out = {"reconstruction_left_out": first_line(error)}
        rows = (replace(row, settings={**row.settings, **left_out}) for row in comparison.rows)
        return replace(comparison, rows=tuple(rows))


def reconstruct_larger(
    comparison: Comparison,
    *,
    cache: str | Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> FoundReconstruction:
    """Measure how much of the larger model's features can be predicted from the small model's.

    The target is the larger model of the comparison's first verdict. It is reconstructed from the
    small model, at the scales of the verdict and, if it was compared, at one scale, on the same
    images. If the family has a still larger model, that is the upper bound. Put the result into the
    comparison's field `reconstruction`; then `Comparison.save` writes it, and the report shows it.

    Args:
        comparison: a comparison that has a verdict.
        cache: as for `run_compare`.
        cache_limit_bytes: as for `run_compare`.
        progress: told what is being done.

    Raises:
        InputError: if there is no verdict, or there are too few images.
        RunError: as `run_compare`.
    """
    if not comparison.verdicts:
        raise InputError(
            "comparison must have a verdict, which needs a small model at several scales and a "
            "larger one of its family, but has none. Add them to the candidates."
        )
    plan, verdict = comparison.plan, comparison.verdicts[0]
    small, larger = verdict.s2, verdict.larger
    alone = [
        row.candidate
        for row in comparison.rows
        if row.backbone == small.backbone and row.scales == (1,)
    ]
    above = [
        row
        for row in comparison.rows
        if row.family == verdict.family
        and row.scales == larger.scales
        and row.backbone_params > larger.backbone_params
    ]
    upper = max(above, key=lambda row: row.backbone_params).candidate if above else None

    def model(name: str) -> Any:
        """A candidate as `plan_compare` takes it: a name, or the model itself if it is live."""
        candidate = Candidate.parse(name)
        if candidate.backbone not in plan.live:
            return candidate
        backbone = plan.backbones[candidate.backbone]
        return {candidate.backbone: plan.settings.module(backbone, candidate.scales)}

    names = ("source", "dtype", "tile_batch", "seed", "device")
    settings = ReconstructionSettings(
        costs=False, **{name: getattr(plan.settings, name) for name in names}
    )
    found = run_reconstruct(
        plan_reconstruct(
            plan.data,
            model(larger.candidate),
            [model(name) for name in (*alone, small.candidate)],
            upper=upper and model(upper),
            settings=settings,
            progress=progress,
        ),
        cache=cache,
        cache_limit_bytes=cache_limit_bytes,
        progress=progress,
    ).reconstruction
    assert found is not None
    return found


def _target(target: Candidates, settings: ReconstructionSettings) -> Target:
    named = name_models(target)
    candidate = _single(named, "target")
    if live := named.live.get(candidate.backbone):
        backbone, weights = live.backbone, live.weights
    else:
        backbone = load(candidate.backbone)
        weights = weights_hash(backbone)
    module = settings.module(backbone, candidate.scales)
    check_pictures(module, candidate)
    return Target(candidate=candidate, module=module, weights=weights)


def _single(named: NamedModels, name: str) -> Candidate:
    candidates = named.candidates
    if len(candidates) != 1:
        raise InputError(
            f"{name} must be one model, but got {', '.join(map(str, candidates))}. Give one."
        )
    return candidates[0]


def _refuse_target(target: Target, candidate: Candidate, *, same: bool = False) -> None:
    """Raise an InputError for a candidate that is the target."""
    if same or candidate.backbone == target.candidate.backbone:
        raise InputError(
            f"{candidate} must be another model than the target {target.candidate}, from whose own "
            f"features everything can be reconstructed. {BOUND}; reconstruct the target from "
            "smaller models."
        )


def _warnings(plan: ComparePlan, upper: Candidate | None) -> tuple[str, ...]:
    """Warnings about the upper bound, as sentences."""
    if upper is None:
        return ()
    target = plan.data.target
    own, bound = map(num_params, (target.module.backbone, plan.backbones[upper.backbone]))
    if bound > own:
        return ()
    return (
        f"{upper} has {bound / 1e6:.1f} M parameters and {target.candidate} {own / 1e6:.1f} M. "
        f"{BOUND}. Shares of it may exceed 100 %.",
    )


def _move(backbone: Backbone, device: str) -> None:
    if isinstance(backbone, nn.Module):
        backbone.to(device)
