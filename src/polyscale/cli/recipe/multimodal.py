"""Recipes with a multimodal language model, judged on V* bench."""

from collections.abc import Iterator
from math import nan
from pathlib import Path

from rich.filesize import decimal

from polyscale.cli.console import make_table
from polyscale.cli.recipe.kind import Kind, Lines, RunOptions, heading, what_is_stated
from polyscale.progress import progress_bars
from polyscale.studies.recipes import (
    CATEGORIES,
    VSTAR,
    Checkpoint,
    LanguageWeights,
    MultimodalRecipe,
    prepare_multimodal,
    right_shares,
    run_multimodal,
)

DATA = "V*"

BENCHMARKS = {
    "vstar_attributes": "V* attributes, %",
    "vstar_spatial": "V* position, %",
    "vqav2": "VQAv2, %",
    "textvqa": "TextVQA, %",
    "seed": "SEED, %",
    "mmvet": "MM-Vet",
}
"""Benchmarks by the paper's names."""


def show(recipe: MultimodalRecipe) -> Lines:
    """The recipe with the paper's figures, its data and stages, and what it costs."""
    yield heading(recipe, DATA)
    yield from _sizes(recipe)
    shown = [key for key in BENCHMARKS if any(key in arm.published for arm in recipe.arms)]
    yield "The paper's figures:"
    yield make_table(
        ("candidate", *(BENCHMARKS[key] for key in shown)),
        (
            (str(arm), *(f"{arm.published[key]:.1f}" for key in shown if key in arm.published))
            for arm in recipe.arms
        ),
    )
    yield f"The paper's finding: {recipe.finding}"
    yield ""
    yield from _weights(recipe)
    yield from what_is_stated(recipe, "the paper and by LLaVA's scripts")
    yield "Data, as LLaVA and V* lay them out, in one folder that --data llava:PATH names:"
    for stage in recipe.stages:
        yield f"  {stage.conversations}, with pictures named from {stage.images}"
    yield from (f"  {VSTAR}/{folder}/NAME.jpg and NAME.json" for folder in CATEGORIES.values())


def costs(recipe: MultimodalRecipe, _: RunOptions) -> Lines:
    """The towers, training stages and weights of a run."""
    yield from _sizes(recipe)
    yield from _weights(recipe)


def _sizes(recipe: MultimodalRecipe) -> Lines:
    """Towers and stages, counted."""
    sizes = [recipe.size(arm) for arm in recipe.arms]
    titles = ("tiles", "GMACs of the tower", "image tokens", "projector reads", "projector, M")
    yield make_table(
        ("candidate", *titles),
        (
            (
                str(arm),
                f"{size.num_tiles}",
                f"{size.macs / 1e9:,.1f}",
                f"{arm.num_tokens}",
                f"{arm.num_channels}",
                f"{size.projector_params / 1e6:.1f}",
            )
            for arm, size in zip(recipe.arms, sizes, strict=True)
        ),
    )
    tokens, params = recipe.arms[0].num_tokens, recipe.language.params_m * 1e6
    yield (
        f"The language model reads {tokens} tokens of a picture at any number of scales, about "
        f"{tokens * params / 1e12:.1f} TMACs."
    )
    yield make_table(
        ("stage", "trains", "conversations", "batch", "steps", "rate of LoRA", "of the projector"),
        (
            (
                stage.name,
                "projector and LoRA" if stage.training["stage"] == "lora" else "projector",
                f"{stage.num_conversations:,}",
                f"{stage.batch}",
                f"{stage.num_steps:,}",
                f"{stage.training.get('learning_rate', '')}",
                f"{stage.training['projector_learning_rate']}",
            )
            for stage in recipe.stages
        ),
    )
    passes = sum(stage.num_conversations for stage in recipe.stages)
    kept = max(size.kept_bytes for size in sizes)
    yield (
        f"Towers: {sum(size.macs for size in sizes) * passes / 1e18:,.1f} EMACs for all "
        f"candidates, if each of the {passes:,} conversations has one picture. Kept features "
        f"would take up to {decimal(kept * recipe.stages[0].num_conversations)} for stage 1 of "
        "a candidate."
    )


def run(recipe: MultimodalRecipe, options: RunOptions) -> Lines:
    """Run the recipe; its results beside the paper's figures."""
    prepared = prepare_multimodal(
        recipe,
        options.source(),
        weights_dir=options.weights_dir,
        limit=options.limit,
        given=options.given,
    )
    with progress_bars() as progress:
        run_multimodal(prepared, options.out, progress=progress)
    yield from outcome(recipe, options.out)


def outcome(recipe: MultimodalRecipe, out: Path) -> Lines:
    """The results beside the paper's figures."""
    titles = [f"{BENCHMARKS[key]}{who}" for key in CATEGORIES for who in (" here", " paper")]

    def cells() -> Iterator[tuple[str, ...]]:
        for arm in recipe.arms:
            found = right_shares(out, arm)
            values = ((100 * found.get(key, nan), arm.published[key]) for key in CATEGORIES)
            yield str(arm), *(f"{value:.1f}" for pair in values for value in pair)

    yield make_table(("candidate", *titles), cells())
    yield (
        "The paper's figures are for 115 and 76 questions, so that one question is 0.9 and 1.3 "
        f"points. Compare two candidates: polyscale vstar compare {out}/…/vstar {out}/…/vstar"
    )


def _weights(recipe: MultimodalRecipe) -> Lines:
    """Checkpoints, their sizes and licences."""
    weights: list[LanguageWeights | Checkpoint] = [recipe.language, *recipe.checkpoints]
    yield make_table(
        ("weights", "parameters, M", "file, GB", "licence", "local folder"),
        (
            (c.repository, f"{c.params_m:,.1f}", f"{c.download_gb:.1f}", c.licence, c.folder)
            for c in weights
        ),
    )
    if recipe.released:
        yield (
            f"The authors' own checkpoint of three scales is {recipe.released}; polyscale llava "
            "convert turns it into a folder of transformers."
        )


KIND = Kind(
    recipe=MultimodalRecipe,
    data=lambda _: DATA,
    unused=("per_class",),
    show=show,
    costs=costs,
    run=run,
)
