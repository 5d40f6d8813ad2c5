"""The recipe of the robot as tables and lines."""

from collections.abc import Iterator

from rich.table import Table

from polyscale.cli.console import make_table
from polyscale.studies.recipes import PickingRecipe, count_tiles

Lines = Iterator[str | Table]


def picking_lines(recipe: PickingRecipe) -> Lines:
    """The recipe with the paper's figures, what it costs, and what a run would need."""
    yield f"{recipe.name}: a robot, {recipe.place} (Shi et al. 2024, arXiv 2403.13043v2)"
    yield from picking_costs(recipe)
    yield f"The paper's finding: {recipe.finding}"
    yield "Stated by the paper:"
    yield from (f"  {line}" for line in recipe.stated)
    yield "Left open by the paper, and chosen here:"
    yield from (f"  {line}" for line in recipe.chosen)


def picking_costs(recipe: PickingRecipe) -> Lines:
    """Each candidate with the paper's success rate and what a frame costs; what a run needs."""
    yield make_table(
        ("candidate", "paper, %", "tiles", "GMACs a frame", "weights, GB", "licence"),
        (
            (
                str(entry.candidate()),
                f"{entry.published:.1f}",
                f"{(counted := count_tiles(entry.checkpoint, entry.scales))[0]}",
                f"{counted[1] / 1e9:.1f}",
                f"{entry.checkpoint.download_gb:.1f}",
                entry.checkpoint.licence,
            )
            for entry in recipe.entries
        ),
    )
    yield "A real run needs:"
    yield from (f"  {line}" for line in recipe.needed)
