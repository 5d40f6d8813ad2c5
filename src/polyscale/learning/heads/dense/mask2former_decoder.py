"""Mask2Former without a backbone: transformers' own modules, fed with four levels.

A module apart, since it needs transformers to be imported.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from transformers import Mask2FormerConfig
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerPixelDecoder,
    Mask2FormerPreTrainedModel,
    Mask2FormerTransformerModule,
)

from polyscale.learning.heads.dense.upernet import Levels


class LayerPrediction(NamedTuple):
    """Prediction of one layer of the decoder; the last class is "no object"."""

    class_logits: Float[Tensor, "batch queries classes+1"]
    mask_logits: Float[Tensor, "batch queries mask_h mask_w"]


class Mask2FormerDecoder(Mask2FormerPreTrainedModel):  # type: ignore[misc]
    """Pixel decoder, transformer decoder and classifier, initialised as transformers does.

    But for the projection to masks, which has a deviation of 0.02 there; here it is the original's.

    Args:
        config: transformers' own; of its backbone nothing is used.
    """

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__(config)
        self.pixel_decoder = Mask2FormerPixelDecoder(config, [config.feature_size] * 4)
        self.transformer = Mask2FormerTransformerModule(config.feature_size, config)
        self.class_predictor = nn.Linear(config.hidden_dim, config.num_labels + 1)
        # not post_init, which in classes that aren't transformers' own passes over every module
        # without weights directly in it: masks then begin at 0.001 and hardly learn
        self.apply(self._init_weights)
        nn.init.kaiming_uniform_(self.pixel_decoder.mask_projection.weight, a=1)

    def forward(self, levels: Levels) -> list[LayerPrediction]:
        """Of the queries before the first layer, and after each."""
        pixels = self.pixel_decoder(list(levels), output_hidden_states=False)
        decoded = self.transformer(pixels.multi_scale_features, pixels.mask_features)
        return [
            LayerPrediction(self.class_predictor(state.transpose(0, 1)), masks)
            for state, masks in zip(
                decoded.intermediate_hidden_states, decoded.masks_queries_logits, strict=True
            )
        ]
