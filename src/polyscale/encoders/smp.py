"""An encoder for the decoders of segmentation-models-pytorch, as they call theirs.

Neither needs to import the other: smp asks for attributes and a list of maps.
"""

import copy

from jaxtyping import Float
from torch import Tensor, nn

from polyscale.encoders.shared import as_multiscale, resize_map
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.types import Backbone

STRIDES_PX = (2, 4, 8, 16, 32)


class SmpEncoder(nn.Module):
    """The fused map, resized to the strides that an smp decoder expects; see `smp_encoder`."""

    # smp asks these before it compiles, exports or scripts an encoder
    _is_torch_compilable = True
    _is_torch_exportable = True
    _is_torch_scriptable = False

    def __init__(
        self, multiscale: MultiScale, *, depth: int, output_stride: int, finest_stride: int
    ) -> None:
        super().__init__()
        if depth not in range(1, 6):
            raise InputError(
                f"depth must be a whole number from 1 to 5, but got {depth!r}. Try 5, smp's own."
            )
        self.in_channels: int = getattr(multiscale.backbone, "in_channels", 3)
        self.depth = depth
        self.multiscale = multiscale
        self.make_dilated(output_stride)
        choices = [stride for stride in STRIDES_PX if stride <= self.output_stride]
        if finest_stride not in choices:
            raise InputError(
                f"finest_stride must be one of {', '.join(map(str, choices))}, "
                f"but got {finest_stride!r}. Try 2, where every level has channels."
            )
        self.finest_stride = finest_stride

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the image for a cell of each level, beginning with the image itself."""
        return tuple(min(2**level, self.output_stride) for level in range(self.depth + 1))

    @property
    def output_stride(self) -> int:
        """Stride of the coarsest level, in pixels."""
        return min(self._limit, 2**self.depth)

    @property
    def out_channels(self) -> list[int]:
        """Channels of each level, beginning with the image itself."""
        full = self.multiscale.out_channels
        levels = [full if stride >= self.finest_stride else 0 for stride in self.strides[1:]]
        return [self.in_channels, *levels]

    def set_in_channels(self, in_channels: int, pretrained: bool = True) -> None:
        """Called by smp for images of another number of channels, which are refused."""
        if in_channels != self.in_channels:
            raise InputError(
                f"in_channels must be {self.in_channels}, as {self.multiscale.backbone.name} takes "
                f"them, but got {in_channels}. Wrap a backbone that is made for {in_channels}."
            )

    def make_dilated(self, output_stride: int) -> None:
        """Called by smp where levels are not to get coarser, as in DeepLab."""
        if output_stride not in (8, 16, 32):
            raise InputError(
                f"output_stride must be 8, 16 or 32, but got {output_stride!r}. Try 32."
            )
        self._limit = output_stride

    def forward(self, images: Float[Tensor, "batch channels h w"]) -> list[Tensor]:
        """The images, then a map of each level, rounded up to whole cells.

        Args:
            images: normalised by the backbone's mean and std, of any size.
        """
        map_ = self.multiscale(images).map.to(images.dtype)
        height, width = images.shape[-2:]
        levels = [images]
        for stride, channels in zip(self.strides[1:], self.out_channels[1:], strict=True):
            out_hw = (-(-height // stride), -(-width // stride))
            # a level without channels only tells its size, as in smp's own encoders of this kind
            levels.append(
                resize_map(map_, out_hw) if channels else map_.new_empty(len(map_), 0, *out_hw)
            )
        return levels


def smp_encoder(
    multiscale: MultiScale | Backbone,
    *,
    depth: int = 5,
    output_stride: int = 32,
    finest_stride: int = 4,
) -> SmpEncoder:
    """Multi-scale features for `segmentation_models_pytorch`.

    smp makes a decoder to fit an encoder that it knows by name, so give it one:

        smp.encoders.encoders["polyscale"] = {
            "encoder": functools.partial(smp_encoder, multiscale),
            "params": {},
            "pretrained_settings": {},
        }
        model = smp.Unet("polyscale", encoder_weights=None, classes=9)

    Every level holds the same features, resized without parameters: means of cells where the map
    shrinks, bilinear where it grows.

    Args:
        multiscale: made by `polyscale.wrap`, or a backbone of `polyscale.load`. The encoder holds a
            copy, so that models made from one entry can be moved and trained independently.
        depth: number of levels after the image, 1 to 5; smp gives its own.
        output_stride: largest stride in pixels: 8, 16 or 32; smp gives its own.
        finest_stride: in pixels; finer levels have no channels, as stride 2 has none in smp's own
            `mit_b0`: they would cost the most memory and add no information. smp 0.6 and later
            take that in every decoder; 2 gives every level channels.

    Raises:
        InputError: if an argument breaks its rule.
    """
    return SmpEncoder(
        copy.deepcopy(as_multiscale(multiscale)),
        depth=depth,
        output_stride=output_stride,
        finest_stride=finest_stride,
    )
