"""Mask2Former on four levels made of one map, from transformers' own modules."""

from typing import Any, NamedTuple

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
"""Number of labels along each side of a mask's cell that the loss uses, as in the original."""

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
"""Training of the same configuration."""


class LayerPrediction(NamedTuple):
    """Prediction of one layer of the decoder; the last class is "no object"."""

    class_logits: Float[Tensor, "batch queries classes+1"]
    mask_logits: Float[Tensor, "batch queries mask_h mask_w"]


class Mask2FormerSegmentation(SegmentationHead):
    """Queries that each predict a class and a mask; their sum scores every class at every pixel.

    Source: Cheng et al., "Masked-attention mask transformer for universal image segmentation",
    CVPR 2022: pixel decoder, transformer decoder and loss are transformers' own modules, and the
    defaults are those of the paper. Masks have 4 times the grid of the map. The loss matches
    queries to the classes of an image at random points, and supervises every layer of the decoder;
    points on ignored pixels count as outside of all masks, as in the original.

    Args:
        channels: of levels, decoders and masks; a multiple of 32.
        queries: number of masks per image; at least the largest number of classes in one image.
        decoder_layers: of the transformer decoder.
        pixel_layers: of the deformable pixel decoder.
        feedforward: width of the decoder's layers; half of it in the pixel decoder.
        attention_heads: a divisor of `channels`.
        points: number of points at which masks are compared.
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

    def predictions(self, maps: MapTensor) -> list[LayerPrediction]:
        """Predictions of the queries before the first layer of the decoder and after each layer."""
        pixels = self.decode["pixel_decoder"](list(self.levels(maps)), output_hidden_states=False)
        decoded = self.decode["transformer"](pixels.multi_scale_features, pixels.mask_features)
        return [
            LayerPrediction(self.decode["class_predictor"](state.transpose(0, 1)), masks)
            for state, masks in zip(
                decoded.intermediate_hidden_states, decoded.masks_queries_logits, strict=True
            )
        ]

    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes 4*h 4*w"]:
        """Sum over queries of P(class) · P(pixel in the mask), without the class "no object"."""
        last = self.predictions(maps)[-1]
        classes = last.class_logits.float().softmax(dim=-1)[..., :-1]
        return torch.einsum("bqc,bqhw->bchw", classes, last.mask_logits.float().sigmoid())

    def loss(self, maps: MapTensor, target: LabelTensor) -> Float[Tensor, ""]:
        """Class, mask and dice loss of every layer; 0 for images without any label."""
        layers = self.predictions(maps)
        height, width = (LABELS_PER_CELL * n for n in layers[0].mask_logits.shape[-2:])
        target = subsample(target, (height, width))
        labelled = (target != IGNORED).flatten(1).any(dim=1)
        if not labelled.any():
            return 0.0 * torch.stack([logits.sum() for layer in layers for logits in layer]).sum()
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
    """The classes in each image, rising, and the mask of each."""
    classes = [image[image != IGNORED].unique() for image in target]
    masks = [
        (image == present[:, None, None]).float()
        for image, present in zip(target, classes, strict=True)
    ]
    return classes, masks


def _parts(options: dict[str, int]) -> tuple[nn.ModuleDict, nn.Module, dict[str, float]]:
    """Decoders and classifier, initialised as transformers does, the loss, and its weights."""
    for package in ("transformers", "scipy"):
        require(package, extra="transformers", feature="the head 'mask2former'")
    from transformers import Mask2FormerConfig
    from transformers.models.mask2former import modeling_mask2former as mask2former

    config: Any = Mask2FormerConfig(
        num_labels=options["num_classes"],
        feature_size=options["channels"],
        mask_feature_size=options["channels"],
        hidden_dim=options["channels"],
        num_queries=options["queries"],
        # transformers counts the prediction before the first layer
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
    pixel_decoder = mask2former.Mask2FormerPixelDecoder(config, [config.feature_size] * 4)
    decode = nn.ModuleDict(
        {
            "pixel_decoder": pixel_decoder,
            "transformer": mask2former.Mask2FormerTransformerModule(config.feature_size, config),
            "class_predictor": nn.Linear(config.hidden_dim, config.num_labels + 1),
        }
    )
    # not post_init, which in classes that are not transformers' own passes over every module that
    # has no weights directly in it: masks then start at 0.001 and hardly learn
    decode.apply(mask2former.Mask2FormerPreTrainedModel(config)._init_weights)
    # the projection to masks has a deviation of 0.02 in transformers; this is the original's
    nn.init.kaiming_uniform_(pixel_decoder.mask_projection.weight, a=1)
    return decode, mask2former.Mask2FormerLoss(config, weights), weights
