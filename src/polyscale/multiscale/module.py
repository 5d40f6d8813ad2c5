"""`MultiScale`: a backbone and its scales as one module."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyscale.errors import InputError, first_line
from polyscale.multiscale.chunks import ChunkRunner, DeviceSpread, check_device, device_of
from polyscale.multiscale.config import MultiScaleConfig
from polyscale.multiscale.features import MultiScaleFeatures
from polyscale.multiscale.fuse import FusedTokens
from polyscale.multiscale.inputs import Images, make_groups
from polyscale.multiscale.picture import Input, Picture
from polyscale.multiscale.stream import Chunk, tile_chunks
from polyscale.plan import AxisWeights, Level, Plan, TileGrid, area_weights, plan_levels
from polyscale.types import HW, Backbone, format_scale


@dataclass(frozen=True)
class Prepared:
    """Tiles on their way to the backbone.

    Attributes:
        chunks: tiles with their places.
        num_images: images of the call.
        grid_hw: cells of the output.
    """

    chunks: Iterable[Chunk]
    num_images: int
    grid_hw: HW


class MultiScale(nn.Module):
    """S² (paper, section 3.1): a backbone run over several scales of an image.

    Each scale is cut into tiles of the backbone's own size, each tile's map is pooled onto the
    output grid, and the scales are concatenated along channels. No parameter is added.

    Args:
        backbone: usually made by `polyscale.wrap`, which takes any model.
        config: every choice; or give its options by name, for example `scales=(1, 2)`.
        devices: spread the chunks of a call over these, for example `["cuda:0", "cuda:1"]`.
        options: of `MultiScaleConfig` and `Tiling`, where no config is given.

    Raises:
        InputError: if an option is unknown or breaks its rule.
    """

    def __init__(
        self,
        backbone: Backbone,
        scales: Sequence[float] | None = None,
        *,
        config: MultiScaleConfig | None = None,
        devices: Sequence[str] | None = None,
        frozen: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        if scales is not None:
            options["scales"] = tuple(scales)
        if config is not None and options:
            raise InputError(f"give either config or options, but got both ({', '.join(options)}).")
        self.backbone = backbone
        self.config = config or MultiScaleConfig.of(**options)
        self._check_tiles()
        self._devices = tuple(str(check_device(device)) for device in devices or ())
        self._runner: ChunkRunner | DeviceSpread | None = None
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "MultiScale":
        """Training mode, unless it is frozen."""
        return super().train(mode and not self.frozen)

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales, in the order of the levels."""
        return self.config.tiling.scales

    @property
    def out_channels(self) -> int:
        """Channels of the fused map: those of all scales, or of one where they are summed."""
        num = len(self.scales) if self.config.merge == "concat" else 1
        return self.backbone.dim * num

    @property
    def plan(self) -> Plan:
        """The plan for an image of the backbone's own aspect."""
        return self.plan_for(self.backbone.tile_hw)

    def plan_for(self, image_hw: HW) -> Plan:
        """Levels, tiles and output grid for an image of this size in pixels."""
        levels = plan_levels(self.config.tiling, self.backbone.tile_hw, image_hw)
        return Plan(levels, self._output_hw(levels))

    def forward(self, images: Images) -> MultiScaleFeatures:
        """Multi-scale features of images of any size.

        Args:
            images: floating point, normalised by the backbone's mean and std: a batch
                (batch, 3, h, w) or a list of (3, h, w) of different sizes; or what `preprocess`
                gives. Their tiles share chunks.

        Raises:
            InputError: if they are no such images, or need different output grids; no tile has run
                then.
        """
        return self.run(self.prepare(images))

    def prepare(self, images: Images, *, eager: bool = False) -> "Prepared":
        """The first half of `forward`: images → groups of tiles.

        Args:
            images: as `forward` takes them.
            eager: make all tiles now, for example in a thread that runs ahead of the model, instead
                of each chunk when it is due.

        Raises:
            InputError: as `forward`.
        """
        device = device_of(self.backbone)
        # a model without parameters may be anywhere, and spread tiles are moved
        fixed = next(self.parameters(), None) is not None and not self._devices
        groups, num_images = make_groups(
            images,
            self.config.tiling,
            self.backbone.tile_hw,
            self.config.source,
            device,
            needs=device if fixed else None,
        )
        grids = {self._output_hw(group.levels) for group in groups}
        if len(grids) > 1:
            shapes = " and ".join(f"{h}×{w}" for h, w in sorted(grids))
            raise InputError(
                f"images must share an output grid, but theirs are {shapes}. "
                "Set output_grid='base' or a size, or call once for each aspect."
            )
        chunks = tile_chunks(groups, lambda tile_hw: self._workers().tile_batch(tile_hw))
        return Prepared(list(chunks) if eager else chunks, num_images, grids.pop())

    def run(self, prepared: "Prepared") -> MultiScaleFeatures:
        """The second half of `forward`: tiles → features."""
        fused = FusedTokens(
            num_levels=len(self.scales),
            num_images=prepared.num_images,
            pooling_rule=_area_rule,
            output_grid=lambda level, cells_hw: prepared.grid_hw,
            prefix=self.config.prefix,
            merge=self.config.merge,
        )
        for spans, features in self._workers().map(prepared.chunks):
            fused.add_chunk(spans, features)
            del features  # before the next chunk runs
        return MultiScaleFeatures(
            fused.result(),
            num_prefix=fused.num_prefix,
            grid_hw=prepared.grid_hw,
            dim=fused.dim,
            has_cls=self.backbone.has_cls and fused.num_prefix > 0,
        )

    def preprocess(self, images: Sequence[Input] | Input) -> list[Picture]:
        """Pictures → what `forward` takes.

        Args:
            images: PIL images, 8-bit RGB arrays (h, w, 3) or paths, of any sizes. They are
                resized, cut and normalised tile by tile, so a large one never stands in floating
                point.
        """
        if isinstance(images, str) or not isinstance(images, Sequence):
            images = [images]
        mean, std = self.backbone.mean, self.backbone.std
        return [Picture(image, mean=mean, std=std) for image in images]

    def with_scales(self, scales: Sequence[float]) -> "MultiScale":
        """The same backbone and choices with other scales; what was measured is kept."""
        config = self.config.with_scales(tuple(scales))
        module = MultiScale(self.backbone, config=config, devices=self._devices, frozen=self.frozen)
        module._runner = self._workers()
        return module

    def extra_repr(self) -> str:
        """The choices, for `print(module)`."""
        return str(self.config)

    def __deepcopy__(self, memo: dict[int, Any]) -> "MultiScale":
        backbone = copy.deepcopy(self.backbone, memo)
        return MultiScale(backbone, config=self.config, devices=self._devices, frozen=self.frozen)

    def __getstate__(self) -> dict[str, Any]:
        # compiled functions and threads stay here
        return {**super().__getstate__(), "_runner": None}

    def _workers(self) -> "ChunkRunner | DeviceSpread":
        """What runs chunks; it remembers how large they may be."""
        if self._runner is None:
            self._runner = (
                DeviceSpread(self.backbone, self.config, self._devices)
                if self._devices
                else ChunkRunner(self.backbone, self.config)
            )
        return self._runner

    def _output_hw(self, levels: Sequence[Level]) -> HW:
        backbone, output = self.backbone, self.config.output_grid
        if output == "base":
            return backbone.grid_hw
        if output != "largest":
            return output
        largest = max(levels, key=lambda level: level.image_hw[0] * level.image_hw[1])
        height, width = (
            max(1, round(largest.image_hw[a] * backbone.grid_hw[a] / backbone.tile_hw[a]))
            for a in (0, 1)
        )
        return height, width

    def _check_tiles(self) -> None:
        """Refuse tiles of another size than the backbone takes."""
        backbone = self.backbone
        for level in plan_levels(self.config.tiling, backbone.tile_hw):
            if level.tile_hw == backbone.tile_hw:
                continue
            if not backbone.fixed_tile:
                self._try_tile(level)
                continue
            height, width = backbone.tile_hw
            why = (
                f"scales must be at least 1 for {backbone.name}, whose tiles are always "
                f"{height}×{width} px, but got {format_scale(level.scale)}. "
                "Leave the smaller scale out, or use a convolutional model."
            )
            if level.scale > 1:
                why = (
                    f"split must be True for {backbone.name}, whose tiles are always "
                    f"{height}×{width} px. Build the model for the larger size instead."
                )
            raise InputError(why)

    def _try_tile(self, level: Level) -> None:
        """Some models take their own size alone and only say so when they are run."""
        if isinstance(self.backbone, nn.Module) and self.backbone.training:
            return
        parameter = next(self.parameters(), torch.empty(0))
        try:
            with torch.no_grad():
                self.backbone(parameter.new_zeros(1, 3, *level.tile_hw))
        except Exception as error:
            height, width = level.tile_hw
            raise InputError(
                f"scale {format_scale(level.scale)} makes tiles of {height}×{width} px, which "
                f"{self.backbone.name} does not take ({first_line(error)[:100]}). "
                "Leave the scale out."
            ) from error


def _area_rule(
    level: Level, grid: TileGrid, cells_hw: HW, out_hw: HW
) -> tuple[Sequence[AxisWeights], Sequence[AxisWeights]]:
    starts = (grid.tops, grid.lefts)
    rows, columns = (
        area_weights(
            starts[a], level.tile_hw[a], level.image_hw[a], cells_hw[a], out_hw[a], level.window
        )
        for a in (0, 1)
    )
    return rows, columns
