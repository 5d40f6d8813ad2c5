"""Mask2Former without a backbone: transformers' own modules, fed with four levels.

A module apart, since it needs transformers to be imported.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import Mask2FormerConfig
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerPixelDecoder,
    Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention,
    Mask2FormerPreTrainedModel,
    Mask2FormerTransformerModule,
)

from polyscale.heads.dense.levels import Levels


class Said(NamedTuple):
    """What one layer of the decoder says; the last class is "no object"."""

    class_logits: Float[Tensor, "batch queries classes+1"]
    mask_logits: Float[Tensor, "batch queries mask_h mask_w"]


class Mask2FormerDecoder(Mask2FormerPreTrainedModel):  # type: ignore[misc]
    """Pixel decoder, transformer decoder and classifier, initialised as in the original.

    Args:
        config: transformers' own; of its backbone nothing is used.
    """

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__(config)
        self.pixel_decoder = Mask2FormerPixelDecoder(config, [config.feature_size] * 4)
        self.transformer = Mask2FormerTransformerModule(config.feature_size, config)
        self.class_predictor = nn.Linear(config.hidden_dim, config.num_labels + 1)
        self._initialise()

    def forward(self, levels: Levels) -> list[Said]:
        """Of the queries before the first layer, and after each."""
        pixels = self.pixel_decoder(list(levels), output_hidden_states=False)
        decoded = self.transformer(pixels.multi_scale_features, pixels.mask_features)
        return [
            Said(self.class_predictor(state.transpose(0, 1)), masks)
            for state, masks in zip(
                decoded.intermediate_hidden_states, decoded.masks_queries_logits, strict=True
            )
        ]

    @torch.no_grad()
    def _initialise(self) -> None:
        """As github.com/facebookresearch/Mask2Former does; what isn't named is PyTorch's default.

        transformers 5 sets most of these weights to a deviation of 0.02 and all sampling offsets to
        nought, with which masks start at 0.001 and hardly learn.
        """
        pixels, transformer = self.pixel_decoder, self.transformer
        nn.init.normal_(pixels.level_embed)
        for part in (pixels.encoder, transformer.decoder.layers):
            for weight in part.parameters():
                if weight.ndim > 1:
                    nn.init.xavier_uniform_(weight)
        for part in pixels.modules():
            if isinstance(part, Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention):
                _initialise_sampling(part)
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_uniform_(part.weight, a=1)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)


def _initialise_sampling(attention: Any) -> None:
    """Heads look in directions evenly round the cell, points at 1, 2, … cells, all weighed alike.

    Source: Zhu et al., "Deformable DETR", arXiv 2010.04159, appendix A.4.
    """
    heads, levels, points = attention.n_heads, attention.n_levels, attention.n_points
    angle = torch.arange(heads) * (2 * torch.pi / heads)
    towards = torch.stack([angle.cos(), angle.sin()], dim=-1)
    towards = towards / towards.abs().amax(dim=-1, keepdim=True)
    offsets = towards[:, None, None] * torch.arange(1, points + 1)[:, None]
    nn.init.zeros_(attention.sampling_offsets.weight)
    attention.sampling_offsets.bias.copy_(offsets.expand(-1, levels, -1, -1).flatten())
    for linear in (attention.attention_weights, attention.value_proj, attention.output_proj):
        nn.init.zeros_(linear.bias)
    nn.init.zeros_(attention.attention_weights.weight)
