"""Recipes of Tables 1, 8 and 9 beside the paper's rows and LLaVA's own settings."""

import pytest

from polyscale.data.published import load_paper
from polyscale.errors import InputError
from polyscale.studies.recipes import MULTIMODAL, RECIPES, find_recipe
from polyscale.studies.recipes.table import CHECKPOINTS


def test_they_cover_the_papers_table():
    printed = [row for row in load_paper("multimodal") if row.method in ("single", "s2")]
    shown = [
        (arm.checkpoint.family, arm.checkpoint.model, arm.scales, task, value)
        for recipe in MULTIMODAL.values()
        for arm in recipe.arms
        for task, value in arm.published.items()
    ]
    assert sorted(shown) == sorted((r.family, r.model, r.scales, r.task, r.value) for r in printed)


def test_questions_that_the_findings_count():
    """As many as the paper's percentages of 115 and 76 questions stand for."""
    counts = {
        recipe.name: [
            [round(arm.published[f"vstar_{key}"] / 100 * num) for arm in recipe.arms]
            for key, num in (("attributes", 115), ("spatial", 76))
        ]
        for recipe in MULTIMODAL.values()
    }
    gains = {name: [after - before for before, after, *_ in both] for name, both in counts.items()}
    assert gains["llava-7b"] == [9, 4]
    assert gains["llava-13b"] == [10, 6]
    (large, two, _, huge, big), (large_there, _, three, huge_there, big_there) = counts[
        "llava-openclip"
    ]
    assert huge + huge_there - large - large_there == 1
    assert big + big_there - large - large_there == -6
    assert two == max(counts["llava-openclip"][0])
    assert three == max(counts["llava-openclip"][1])


@pytest.mark.parametrize("recipe", MULTIMODAL.values(), ids=lambda recipe: recipe.name)
def test_sizes_by_hand(recipe):
    for arm in recipe.arms:
        size = recipe.size(arm)
        assert size.num_tiles == sum(scale**2 for scale in arm.scales)
        tile = CHECKPOINTS[arm.checkpoint.family, arm.checkpoint.model, arm.checkpoint.tile_px]
        assert size.macs == pytest.approx(size.num_tiles * tile.gmacs * 1e9)
        assert arm.num_tokens == (576 if arm.checkpoint.tile_px == 336 else 256)
        width, inputs = recipe.language.width, arm.checkpoint.dim * len(arm.scales)
        assert size.projector_params == inputs * width + width + width**2 + width


def test_stages_are_those_of_llava():
    one, two = MULTIMODAL["llava-7b"].stages
    assert (one.batch, two.batch) == (256, 128)
    assert (one.num_steps, two.num_steps) == (2181, 5198)
    shared = {"epochs": 1, "warmup": 0.03, "weight_decay": 0.0, "precision": "bf16"}
    for stage in (one, two):
        assert shared.items() <= stage.training.items()
        assert stage.training["max_tokens"] == 2048
    assert (one.training["stage"], one.training["projector_learning_rate"]) == ("projector", 1e-3)
    rates = {"learning_rate": 2e-4, "projector_learning_rate": 2e-5}
    lora = {"stage": "lora", "lora_rank": 128, "lora_alpha": 256, **rates}
    assert lora.items() <= two.training.items()


def test_both_kinds_are_found_by_name():
    for name, recipe in {**RECIPES, **MULTIMODAL}.items():
        assert find_recipe(name) is recipe
    with pytest.raises(InputError, match="Did you mean 'llava-7b'"):
        find_recipe("llava-7")
