"""Mask2Former on four levels made of one map."""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from polyscale.data.dataset import IGNORED
from polyscale.errors import InputError, require
from polyscale.learning.heads.dense.segmentation import LabelTensor, SegmentationHead, subsample
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments
from polyscale.learning.heads.dense.upernet import FourLevels
from polyscale.learning.training import TrainSettings

LABELS_PER_CELL = 4
"""Labels along each side of a mask's cell that the loss looks at, as in the original."""

MASK2FORMER_PAPER = {
    "channels": 256,
    "queries": 100,
    "decoder_layers": 9,
    "pixel_layers": 6,
    "feedforward": 2048,
    "attention_heads": 8,
    "points": 12544,
}
"""Options of mmsegmentation's configuration `mask2former_r50_8xb2-160k_ade20k-512x512`, which S²
(arXiv 2403.13043) uses."""

MASK2FORMER_PAPER_TRAINING = TrainSettings(
    steps=160_000,
    batch=16,
    learning_rate=1e-4,
    weight_decay=0.05,
    schedule="poly",
    clip_norm=0.01,
    checkpoint_every=1000,
)
"""Of the same configuration."""


class Mask2FormerSegmentation(SegmentationHead):
    """Queries that each say a class and a mask; a pixel's score of a class is the sum over queries.

    Source: Cheng et al., "Masked-attention mask transformer for universal image segmentation",
    CVPR 2022: pixel decoder, transformer decoder and loss are transformers' own modules, and the
    defaults the paper's. Masks stand at 4 times the map's grid. The loss matches queries to the
    classes of an image at random points, and supervises every layer of the decoder; points on
    ignored pixels count as outside of all masks, as in the original.

    Args:
        in_channels: of the maps.
        num_classes: at least 2.
        channels: of levels, decoders and masks; a multiple of 32.
        queries: masks of an image; as many as there are classes in one, or more.
        decoder_layers: of the transformer decoder.
        pixel_layers: of the deformable pixel decoder.
        feedforward: width of the decoder's layers; half of it in the pixel decoder.
        attention_heads: a divisor of `channels`.
        points: at which masks are compared.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        channels: int = 256,
        queries: int = 100,
        decoder_layers: int = 9,
        pixel_layers: int = 6,
        feedforward: int = 2048,
        attention_heads: int = 8,
        points: int = 12544,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        self.config = config
        if channels % 32 or channels < 1:
            raise InputError(
                f"channels must be a multiple of 32, but got {channels}. Take 64 or 256."
            )
        self.levels = FourLevels(in_channels, channels)
        self.decode, self.criterion, self.weights = _parts(self.config)

    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes 4*h 4*w"]:
        """Sum over queries of P(class) · P(pixel in the mask), "no object" left out."""
        last = self.decode(self.levels(maps))[-1]
        classes = last.class_logits.float().softmax(dim=-1)[..., :-1]
        return torch.einsum("bqc,bqhw->bchw", classes, last.mask_logits.float().sigmoid())

    def loss(self, maps: MapTensor, target: LabelTensor) -> Float[Tensor, ""]:
        """Class, mask and dice loss of every layer; 0 for images without any label."""
        layers = self.decode(self.levels(maps))
        height, width = (LABELS_PER_CELL * n for n in layers[0].mask_logits.shape[-2:])
        target = subsample(target, (height, width))
        labelled = (target != IGNORED).flatten(1).any(dim=1)
        if not labelled.any():
            return sum(logits.sum() for layer in layers for logits in layer) * 0.0
        classes, masks = class_masks(target[labelled])
        total = maps.new_zeros(())
        # in the order of the original, for its random points
        for layer in (layers[-1], *layers[:-1]):
            parts = self.criterion(
                layer.mask_logits[labelled].float(),
                layer.class_logits[labelled].float(),
                masks,
                classes,
            )
            total = total + sum(weight * parts[name] for name, weight in self.weights.items())
        return total


def class_masks(
    target: Int64[Tensor, "batch h w"],
) -> tuple[list[Int64[Tensor, " present"]], list[Float[Tensor, "present h w"]]]:
    """Classes in each image, rising, and where they are."""
    classes = [image[image != IGNORED].unique() for image in target]
    masks = [
        (image == present[:, None, None]).float()
        for image, present in zip(target, classes, strict=True)
    ]
    return classes, masks


def _parts(options: dict[str, int]) -> tuple[nn.Module, nn.Module, dict[str, float]]:
    for package in ("transformers", "scipy"):
        require(package, extra="transformers", feature="the head 'mask2former'")
    from transformers import Mask2FormerConfig
    from transformers.models.mask2former.modeling_mask2former import Mask2FormerLoss

    from polyscale.learning.heads.dense.mask2former_decoder import Mask2FormerDecoder

    config: Any = Mask2FormerConfig(
        num_labels=options["num_classes"],
        feature_size=options["channels"],
        mask_feature_size=options["channels"],
        hidden_dim=options["channels"],
        num_queries=options["queries"],
        # they count the prediction before the first layer
        decoder_layers=options["decoder_layers"] + 1,
        encoder_layers=options["pixel_layers"],
        dim_feedforward=options["feedforward"],
        encoder_feedforward_dim=max(options["feedforward"] // 2, 1),
        num_attention_heads=options["attention_heads"],
        train_num_points=options["points"],
    )
    weights = {
        "loss_cross_entropy": config.class_weight,
        "loss_mask": config.mask_weight,
        "loss_dice": config.dice_weight,
    }
    return Mask2FormerDecoder(config), Mask2FormerLoss(config, weights), weights
