"""An experiment of the paper: which checkpoints, at which scales, on which images."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from polyscale.tasks import RunSettings, get_task, make_settings
from polyscale.types import HW, Candidate


def weights_folder(repository: str) -> str:
    """Name of the folder in which local weights of a repository are expected: its last part."""
    return repository.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Pre-trained weights, and the size of the tiles that a recipe runs them on.

    Attributes:
        family: "ViT", "DINOv2", "OpenCLIP" or "ConvNeXt", as in the paper's tables.
        model: name of the architecture in the paper's tables.
        tile_px: side of the tiles in the recipe.
        source: the weights, as `load` takes them.
        repository: repository on the Hugging Face hub. Its last part is the name of the folder in
            which local weights are expected.
        native_px: side of the tiles that the weights were made for.
        cell_px: side of the square that one cell of the feature map stands for: the patch size or
            the stride.
        dim: channels of the features.
        has_cls: whether the model has a class token.
        gmacs: 10⁹ multiply-adds for one tile, as counted by `polyscale.operator.cost`.
        params_m: millions of parameters of the vision model on such tiles.
        download_gb: approximate size of the file of weights in 10⁹ bytes.
        licence: licence of the weights according to their model card.
    """

    family: str
    model: str
    tile_px: int
    source: str
    repository: str
    native_px: int
    cell_px: int
    dim: int
    has_cls: bool
    gmacs: float
    params_m: float
    download_gb: float
    licence: str

    @property
    def folder(self) -> str:
        """Name of the folder in which local weights are expected."""
        return weights_folder(self.repository)

    @property
    def grid_hw(self) -> HW:
        """Cells of the feature map of one tile."""
        return (self.tile_px // self.cell_px,) * 2

    def at(self, weights_dir: str | None = None) -> str:
        """The source on the hub, or in a folder of local weights."""
        scheme = self.source.partition(":")[0]
        place = self.source if weights_dir is None else f"{scheme}:{weights_dir}/{self.folder}"
        return place if self.tile_px == self.native_px else f"{place}?tile={self.tile_px}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One candidate of a recipe.

    Attributes:
        checkpoint: the weights.
        scales: sizes relative to the tile.
        published: the value that the paper prints, accuracies and mean IoU in per cent; None where
            it shows only a curve, or ran out of memory.
    """

    checkpoint: Checkpoint
    scales: tuple[float, ...]
    published: float | None = None

    def candidate(self, weights_dir: str | None = None) -> Candidate:
        """The candidate of the comparison."""
        return Candidate(self.checkpoint.at(weights_dir), self.scales)


@dataclass(frozen=True, kw_only=True)
class RecipeData:
    """A data set of the paper and what is measured on it.

    Attributes:
        scheme: what stands before the colon in `--data`.
        name: its name in the paper.
        task: "classification", "segmentation" or "depth".
        metric: key of the metric in `polyscale.records.METRICS`.
        measure: name of the metric in the paper.
        num_train: number of training images.
        num_test: number of test images.
        num_classes: number of classes; 0 where there are none.
        image_hw: height and width of a typical image in pixels.
        head_arguments: arguments that the head takes from the data set.
    """

    scheme: str
    name: str
    task: str
    metric: str
    measure: str
    num_train: int
    num_test: int
    num_classes: int = 0
    image_hw: HW
    head_arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An experiment of the paper.

    Attributes:
        name: its name on the command line.
        place: where in the paper it is.
        data: the data set.
        entries: the candidates.
        finding: the paper's conclusion, in our words.
        options: settings of the comparison, other than the task.
        stated: what the paper says about the procedure.
        chosen: what the paper leaves open, and what is done here.
    """

    name: str
    place: str
    data: RecipeData
    entries: tuple[Entry, ...]
    finding: str
    options: Mapping[str, Any]
    stated: tuple[str, ...]
    chosen: tuple[str, ...]

    @property
    def task(self) -> str:
        """The task of the data set."""
        return self.data.task

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each checkpoint once; the same weights on tiles of two sizes are two checkpoints."""
        return tuple(dict.fromkeys(entry.checkpoint for entry in self.entries))

    @property
    def repositories(self) -> tuple[Checkpoint, ...]:
        """One checkpoint for each repository: the first that uses it."""
        return tuple({c.repository: c for c in reversed(self.checkpoints)}.values())[::-1]

    def settings(self, given: Mapping[str, Any] | None = None) -> RunSettings:
        """The settings of the comparison, changed by options of the command line, if any.

        Raises:
            InputError: if an option is not one of the task, or breaks its rule.
        """
        kind = get_task(self.task).settings_type
        return make_settings(kind, given or {}, task=self.task, start=self.options)

    def with_data(self, **changes: Any) -> "Recipe":
        """The recipe on other images, for example `num_train=1000`."""
        return replace(self, data=replace(self.data, **changes))
