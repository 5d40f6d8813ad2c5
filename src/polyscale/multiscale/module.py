"""`MultiScale`: a backbone and its scales as one module."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import InputError
from polyscale.multiscale.engine import run_levels
from polyscale.multiscale.features import MultiScaleFeatures
from polyscale.multiscale.precision import Precision, autocast, check_precision
from polyscale.multiscale.resize import resize
from polyscale.multiscale.stream import LevelImages
from polyscale.plan import AxisWeights, Level, Plan, area_weights, plan_levels
from polyscale.types import HW, SOURCES, Backbone, Source, TileFeatures


class MultiScale(nn.Module):
    """S² (paper, section 3.1): a backbone run over several scales of an image.

    Each scale is cut into tiles of the backbone's own size, each tile's map is pooled onto the
    grid of the base scale, and the scales are concatenated along channels. No parameter is added.

    Args:
        backbone: usually made by `polyscale.wrap`, which takes any model.
        scales: sizes relative to the backbone's own size.
        source: whether larger scales are resized from the input itself (`"native"`) or from the
            input shrunk to the backbone's size (`"base"`). No difference for inputs of that size.
        tile_batch: tiles that go through the backbone at once, over all scales and images.
        dtype: what the backbone computes in; pooling stays in float32.

    Raises:
        InputError: if an argument breaks its rule.
    """

    def __init__(
        self,
        backbone: Backbone,
        scales: Sequence[float] = (1, 2, 3),
        *,
        source: Source = "native",
        tile_batch: int = 16,
        dtype: Precision = "fp32",
    ) -> None:
        super().__init__()
        if source not in SOURCES:
            raise InputError(f"source must be 'base' or 'native', but got {source!r}.")
        if not isinstance(tile_batch, int) or tile_batch < 1:
            raise InputError(f"tile_batch must be at least 1, but got {tile_batch!r}.")
        self.backbone = backbone
        self.plan = Plan(plan_levels(scales, backbone.tile_hw), backbone.grid_hw)
        self.scales = tuple(level.scale for level in self.plan.levels)
        self.source: Source = source
        self.tile_batch = tile_batch
        self.dtype = check_precision(dtype)
        small = [level for level in self.plan.levels if level.tile_hw != backbone.tile_hw]
        if backbone.fixed_tile and small:
            raise InputError(
                f"scales must be at least 1 for {backbone.name}, whose tiles are always "
                f"{backbone.tile_hw[0]}×{backbone.tile_hw[1]} px, but got {small[0].scale}. "
                "Leave the smaller scale out, or use a convolutional model."
            )

        for level in small:
            self._try_tile(level)

    def _try_tile(self, level: Level) -> None:
        """Some models take their own size alone and only say so when they are run."""
        if self.backbone.training if isinstance(self.backbone, nn.Module) else False:
            return
        parameter = next(self.parameters(), torch.empty(0))
        tile = parameter.new_zeros(1, 3, *level.tile_hw)
        try:
            with torch.no_grad():
                self.backbone(tile)
        except Exception as error:
            height, width = level.tile_hw
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"scale {level.scale} makes tiles of {height}×{width} px, which "
                f"{self.backbone.name} does not take ({reason[:100]}). Leave the scale out."
            ) from error

    def forward(
        self, images: Float[Tensor, "batch 3 h w"] | Sequence[Float[Tensor, "3 h w"]]
    ) -> MultiScaleFeatures:
        """Multi-scale features of normalised images of any size.

        Args:
            images: floating point, channels normalised by the backbone's mean and std; a batch, or
                a list of images of different sizes. The shape is squashed to the backbone's
                aspect, as in the paper.

        Raises:
            InputError: if `images` is not a batch of floating-point RGB images.
        """
        groups = [images] if isinstance(images, Tensor) else [image[None] for image in images]
        for group in groups:
            check_images(group)
        if not groups:
            raise InputError("images must hold at least one image, but is empty.")
        bases = [self._source_of(group) for group in groups]
        return self.run_pyramid(
            lambda level: torch.cat([resize(b, level.image_hw, antialias=True) for b in bases]),
            num_images=sum(map(len, groups)),
        )

    def pyramid(self, image: Float[Tensor, "batch 3 h w"]) -> list[Tensor]:
        """The images at the size of each level, (batch, 3, level_h, level_w) each.

        With `run_pyramid`, `forward` in two steps: this one can run ahead in another thread.
        """
        base = self._source_of(image)
        return [resize(base, level.image_hw, antialias=True) for level in self.plan.levels]

    def run_pyramid(self, level_images: LevelImages, *, num_images: int) -> MultiScaleFeatures:
        """Multi-scale features of images that are already resized to each level.

        Args:
            level_images: level → (batch, 3, level_h, level_w); called once a level, in order.
            num_images: images in the batch.
        """
        return run_levels(
            self._run_tiles,
            self.plan.levels,
            level_images,
            num_images=num_images,
            pooling_rule=_area_rule,
            output_grid=lambda level, grid_hw: self.plan.grid_hw,
            tile_batch=self.tile_batch,
            has_cls=self.backbone.has_cls,
        )

    def with_scales(self, scales: Sequence[float]) -> "MultiScale":
        """The same backbone and options with other scales."""
        return MultiScale(
            self.backbone,
            scales,
            source=self.source,
            tile_batch=self.tile_batch,
            dtype=self.dtype,
        )

    def _source_of(self, images: Tensor) -> Tensor:
        if self.source == "native":
            return images
        return resize(images, self.backbone.tile_hw, antialias=True)

    def _run_tiles(self, tiles: Tensor) -> TileFeatures:
        with autocast(tiles.device, self.dtype):
            return self.backbone(tiles)

    def extra_repr(self) -> str:
        """Scales and source, for `print(module)`."""
        return (
            f"scales={self.scales}, source={self.source!r}, tile_batch={self.tile_batch}, "
            f"dtype={self.dtype!r}"
        )


def check_images(images: Tensor) -> None:
    """Refuse what is not a batch of floating-point RGB images.

    Raises:
        InputError: with the shape or dtype that was given.
    """
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise InputError(
            f"images must have the shape (batch, 3, height, width), but got {tuple(images.shape)}. "
            "A single image needs images[None]."
        )
    if not torch.is_floating_point(images):
        raise InputError(
            f"images must be floating point, but got {images.dtype}. "
            "Divide by 255 and normalise by the backbone's mean and std."
        )


def _area_rule(
    level: Level, grid_hw: HW, out_hw: HW
) -> tuple[Sequence[AxisWeights], Sequence[AxisWeights]]:
    starts = (level.tops, level.lefts)
    rows, columns = (
        area_weights(starts[a], level.tile_hw[a], level.image_hw[a], grid_hw[a], out_hw[a])
        for a in (0, 1)
    )
    return rows, columns
