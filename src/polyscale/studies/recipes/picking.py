"""The recipe of Table 10: a robot picks a cube by behaviour cloning."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from polyscale.data.published import load_paper
from polyscale.studies.recipes.recipe import Entry
from polyscale.studies.recipes.table import CHECKPOINTS

DEMONSTRATIONS = 120
TRIALS = 16

FINDING = (
    "the base model at two scales picks the cube more often than the base model at one, and than "
    "the large one. Of 16 trials one success is 6.25 points, so that 10 and 7 of 16 can hardly be "
    "told apart (Fisher's exact test, two-sided: p = 0.48)."
)

STATED = (
    f"{DEMONSTRATIONS} demonstrations on a real robot, {TRIALS} trials at random positions of the "
    "cube",
    "the encoder is that of MVP (a masked autoencoder, ViT), frozen; sizes 224, and 224 with 448",
    "a transformer takes visual features, proprioception and actions of the last 16 steps, and "
    "predicts the next 16 actions",
    "behaviour cloning with the mean squared error, as in RPT",
)

CHOSEN = (
    "masked autoencoders of ImageNet, of MVP's architecture: its own weights, which were trained "
    "on pictures of hands and robots, are not on the hub as models of timm",
    "a width of 192 channels, 4 blocks and 4 heads, AdamW, a learning rate of 1e-3",
    "the policy sees a map of features, so that it can tell where things are; --pooled gives it "
    "their mean",
)

NEEDED = (
    "a robot with a camera, whose frames, states and actions are recorded in LeRobot's layout, "
    "version 3, with images of at least 448 pixels a side",
    "an operator who resets the cube, and somebody who judges each trial: polyscale moves no robot",
    "without that, the error of actions in demonstrations that were held out: polyscale compare "
    "--task picking --data lerobot:DIR",
    "or the simulated scene: polyscale compare --task picking --data fetch",
)


@dataclass(frozen=True, kw_only=True)
class PickingRecipe:
    """Table 10.

    Attributes:
        name: its name on the command line.
        entries: the arms, with the paper's success rates in per cent.
    """

    name: str
    entries: tuple[Entry, ...]

    place = "Table 10"
    finding, stated, chosen, needed = FINDING, STATED, CHOSEN, NEEDED


def _entries() -> Iterator[Entry]:
    for row in load_paper("robot"):
        checkpoint = CHECKPOINTS["MAE", row.model, 224]
        scales = (1, 2) if row.method == "s2" else (1,)
        yield Entry(checkpoint=checkpoint, scales=scales, published=row.value)


PICKINGS: Mapping[str, PickingRecipe] = {
    "picking-mvp": PickingRecipe(name="picking-mvp", entries=tuple(_entries()))
}
"""The recipe of the robot by its name."""
