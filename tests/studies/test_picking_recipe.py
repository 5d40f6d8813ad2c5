"""The recipe of Table 10."""

import pytest
from scipy.stats import fisher_exact

from polyscale.data.published import load_paper
from polyscale.studies.recipes import PICKINGS, count_tiles, find_recipe

RECIPE = PICKINGS["picking-mvp"]


def test_every_figure_of_the_table_is_there():
    published = {(entry.checkpoint.model, entry.published) for entry in RECIPE.entries}
    assert published == {(row.model, row.value) for row in load_paper("robot")}
    assert find_recipe("picking-mvp") is RECIPE


def test_what_it_says_of_sixteen_trials():
    successes = [round(entry.published / 100 * 16) for entry in RECIPE.entries]
    assert successes == [7, 10, 8]
    p_value = fisher_exact([[10, 6], [7, 9]]).pvalue
    assert f"p = {p_value:.2f}" in RECIPE.finding


def test_scales_cost_what_the_table_says():
    for entry, row in zip(RECIPE.entries, load_paper("robot"), strict=True):
        _, macs = count_tiles(entry.checkpoint, entry.scales)
        assert macs / 1e9 == pytest.approx(row.gmacs, rel=0.01)
