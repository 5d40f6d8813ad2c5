"""The recipe of the robot: shown and priced, but not run."""

from polyscale.cli.console import make_table
from polyscale.cli.recipe.kind import Kind, Lines, heading, what_is_stated
from polyscale.studies.recipes import PickingRecipe, count_tiles

DATA = "a robot"


def show(recipe: PickingRecipe) -> Lines:
    """The recipe with the paper's figures, what it costs, and what a run would need."""
    yield heading(recipe, DATA)
    yield from _costs(recipe)
    yield f"The paper's finding: {recipe.finding}"
    yield from what_is_stated(recipe)


def _costs(recipe: PickingRecipe) -> Lines:
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


KIND = Kind(
    recipe=PickingRecipe,
    data=lambda _: DATA,
    unused=("limit", "per_class", "weights_dir", "steps"),
    show=show,
    costs=lambda recipe, _: _costs(recipe),
    run=None,
    only_dry="polyscale moves no real robot. Try polyscale compare --task picking.",
)
