"""Recipes of Table 2: larger models reconstructed from base models at one scale and at several."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from polyscale.data.published import PaperRow, load_paper
from polyscale.studies.recipes.recipe import Checkpoint, Entry
from polyscale.studies.recipes.size import count_tiles
from polyscale.studies.recipes.table import CHECKPOINTS
from polyscale.tasks.reconstruction import ReconstructionSettings

PER_CLASS = 10
"""Images of each class of ImageNet-1k in each split: 2 million tokens of each."""

NUM_CLASSES = 1000

FINDING = (
    "base models at several scales linearly explain nearly as much of a large model's features as "
    "an even larger model does, but not of OpenCLIP's ViT-H."
)

STATED = (
    "a linear map from each token's features to those of the target, trained by their mean squared "
    "error; losses are averaged over all tokens",
    "information is -log(l / l0), where l0 is the loss of the best constant; ratio to the "
    "information of an even larger model",
)

CHOSEN = (
    f"{PER_CLASS} images of each class in each split (the paper does not say how many); "
    "--per-class takes others",
    "logarithms to base 2, the only base that gives one l0 for all rows of the table; each split "
    "has its own l0",
    "ridge regression in closed form, its regulariser chosen by cross-validation; the paper trains "
    "by gradient descent",
    "patch tokens without the class token, and maps resampled where grids differ",
    "scales 1, 2 and 1, 2, 3, as the paper's table does not name them; base source, so that larger "
    "scales show no detail that the target does not see",
)

UPPER_OF_MAE = "the upper bound of MAE, which the paper does not name, is ViT-H/14"


@dataclass(frozen=True, kw_only=True)
class ReconstructionRecipe:
    """A block of Table 2.

    Attributes:
        name: its name on the command line.
        target: the model that is reconstructed.
        entries: from what, in the paper's order.
        upper: the upper bound.
        published: the paper's figures.
    """

    name: str
    target: Checkpoint
    entries: tuple[Entry, ...]
    upper: Checkpoint
    published: tuple[PaperRow, ...]

    place = "Table 2"
    finding, stated = FINDING, STATED

    @property
    def chosen(self) -> tuple[str, ...]:
        """What the paper leaves open of this block."""
        return (*CHOSEN, UPPER_OF_MAE) if self.target.family == "MAE" else CHOSEN

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each once: what is reconstructed from, the target, the upper bound."""
        own = (entry.checkpoint for entry in self.entries)
        return tuple(dict.fromkeys((*own, self.target, self.upper)))

    @property
    def repositories(self) -> tuple[Checkpoint, ...]:
        """As `checkpoints`: none is used on tiles of two sizes."""
        return self.checkpoints

    def settings(self, **changes: object) -> ReconstructionSettings:
        """The settings of the study."""
        return ReconstructionSettings(source="base", **changes)  # type: ignore[arg-type]

    def size(self, num_images: int) -> "ReconstructionSize":
        """Count what so many images of both splits take."""
        scales: dict[Checkpoint, set[float]] = {c: {1} for c in self.checkpoints}
        for entry in self.entries:
            scales[entry.checkpoint] |= set(entry.scales)
        counted = [count_tiles(model, tuple(sorted(own))) for model, own in scales.items()]
        kept = sum(2 * c.dim * prod(c.grid_hw) * len(own) for c, own in scales.items())
        widest = max(c.dim * len(own) for c, own in scales.items()) + self.target.dim
        return ReconstructionSize(
            tiles=num_images * sum(tiles for tiles, _ in counted),
            macs=num_images * sum(macs for _, macs in counted),
            feature_bytes=num_images * kept,
            moment_macs=num_images * prod(self.target.grid_hw) * float(widest) ** 2,
            download_bytes=round(1e9 * sum(c.download_gb for c in self.checkpoints)),
        )


@dataclass(frozen=True, kw_only=True)
class ReconstructionSize:
    """What a recipe takes.

    Attributes:
        tiles: that run through models.
        macs: multiply-adds of them.
        feature_bytes: maps in the cache.
        moment_macs: multiply-adds of the moments of the widest candidate.
        download_bytes: of weights.
    """

    tiles: int
    macs: float
    feature_bytes: int
    moment_macs: float
    download_bytes: int


def _recipes() -> Iterator[ReconstructionRecipe]:
    for name, family, base, target, upper in (
        ("reconstruct-vit", "ViT", "ViT-B/16", "ViT-L/16", "ViT-H/14"),
        ("reconstruct-openclip", "OpenCLIP", "ViT-B/16", "ViT-L/14", "ViT-g/14"),
        ("reconstruct-openclip-h", "OpenCLIP", "ViT-B/16", "ViT-H/14", "ViT-g/14"),
        ("reconstruct-mae", "MAE", "ViT-B/16", "ViT-L/16", "ViT-H/14"),
    ):
        small, large, largest = (CHECKPOINTS[family, model, 224] for model in (base, target, upper))
        note = f"target {target.partition('/')[0]}"
        rows = (r for r in load_paper("reconstruction") if r.family == family)
        yield ReconstructionRecipe(
            name=name,
            target=large,
            entries=tuple(
                Entry(checkpoint=small, scales=scales) for scales in ((1,), (1, 2), (1, 2, 3))
            ),
            upper=largest,
            published=tuple(row for row in rows if row.note.partition(";")[0] == note),
        )


RECONSTRUCTIONS: Mapping[str, ReconstructionRecipe] = {r.name: r for r in _recipes()}
"""Every recipe of a reconstruction by its name."""
