"""Options of behaviour cloning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from polyscale.checks import check_integers
from polyscale.errors import InputError, require
from polyscale.features import JoinedMaps, MapSource
from polyscale.learning.heads.dense import HeadKind
from polyscale.learning.training import TrainSettings
from polyscale.operator.multiscale import MultiScale
from polyscale.robot import Policy
from polyscale.robot.policies.policy import CHUNK_SIZE
from polyscale.tasks.options import option
from polyscale.tasks.settings import RunSettings, seeds_option
from polyscale.types import Backbone

GIGABYTE = 10**9


@dataclass(frozen=True, kw_only=True)
class PickingSettings(RunSettings):
    """Settings of a comparison of policies, besides the data and the candidates.

    Options of the command line are explained by their help texts; the others here.

    Attributes:
        held_out: share of the training demonstrations that are held out to choose among
            candidates, above 0 and at most 0.5; used only if the scene cannot be simulated.
        memory_bytes: features larger than this are read from the disk batch by batch, with the
            same result.
    """

    heads: ClassVar[Mapping[str, HeadKind]] = {
        "policy": HeadKind(make=Policy, about="A transformer on the last 16 steps, as in RPT")
    }
    features: ClassVar[Literal["pooled", "maps"]] = "maps"
    kept_with_heads: ClassVar[tuple[str, ...]] = (
        *RunSettings.kept_with_heads,
        *("pooled", "action_steps", "horizon"),
    )

    steps: int = option(400, name="policy-steps", help="Number of training steps of each policy.")
    batch: int = option(16, name="policy-batch", help="Batch size, in windows of 16 frames.")
    rate: float = option(1e-3, name="policy-rate", help="Learning rate of policies.")
    pooled: bool = option(
        False,
        help="Policies get the mean over the picture instead of a feature map; only the map says "
        "where things are.",
    )
    action_steps: int = option(
        1,
        help=f"Number of the {CHUNK_SIZE} predicted actions that are carried out before the next "
        "prediction.",
    )
    horizon: int | None = option(
        None,
        value_type=int,
        shown="that of the scene",
        help="Number of actions within which an episode must succeed.",
    )
    lockstep: int = option(
        4, help="Number of episodes that are simulated together, as one batch of the backbone."
    )
    validation_episodes: int = option(
        40,
        help="Number of episodes of the simulated scene by which candidates are chosen; they are "
        "not those of the test.",
    )
    seeds: int = seeds_option()
    held_out: float = 0.125
    memory_bytes: int = 4 * GIGABYTE

    def __post_init__(self) -> None:
        check_integers(self, "steps", "batch", "action_steps", "lockstep", "validation_episodes")
        check_integers(self, "seeds", "memory_bytes")
        if self.horizon is not None:
            check_integers(self, "horizon")
        if self.action_steps > CHUNK_SIZE:
            raise InputError(
                f"action_steps must be at most {CHUNK_SIZE}, the number of predicted actions, but "
                f"got {self.action_steps}. Lower it."
            )
        if self.seeds == 2:
            raise InputError(
                "seeds must be 1 or at least 3, but got 2: two policies do not tell how much "
                "policies differ. Add one."
            )
        if not (isinstance(self.held_out, float) and 0 < self.held_out <= 0.5):
            raise InputError(
                f"held_out must be above 0 and at most 0.5, but got {self.held_out!r}. Lower it."
            )
        require("pyarrow", extra="compare", feature="task picking")
        super().__post_init__()
        self.training(0)

    def training(self, number: int) -> TrainSettings:
        """How policy `number` is trained: 0, 1, …, one for each seed."""
        return TrainSettings(
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.rate,
            warmup_steps=self.steps // 20,
            clip_norm=1.0,
            seed=self.seed + number,
        )

    def module(self, backbone: Backbone, scales: Sequence[float], **options: Any) -> MultiScale:
        """The operator on the grid of one tile, or on a single cell."""
        grid: Any = (1, 1) if self.pooled else "base"
        options = {"output_grid": grid, "prefix": "none", **options}
        return super().module(backbone, scales, **options)

    def join(
        self, features: Mapping[float, MapSource], module: MultiScale, *, for_training: bool = False
    ) -> JoinedMaps:
        """The maps of all scales side by side, along channels."""
        return JoinedMaps([features[s] for s in module.scales], memory_bytes=self.memory_bytes)
