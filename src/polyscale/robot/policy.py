"""A policy: what was seen, felt and done in the last steps → the next actions.

As in RPT (Radosavovic et al., 2023), which the paper's section 3.2 builds on: each modality of a
step becomes a token of 192 channels, and a transformer of 4 blocks and 4 heads reads the tokens of
16 steps. At every step it predicts the next 16 actions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from polyscale.types import HW

CELL_NUMBERS = 768
"""Numbers that all cells of a picture are mapped to together, at least."""

CELL_CHANNELS = 16
"""Numbers that a cell is mapped to, at least."""


class Standardise(nn.Module):
    """Channels with mean 0 and standard deviation 1; those that never vary become 0.

    The statistics are buffers, so that they are kept with the weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def fit(self, mean: Float[Tensor, " channels"], std: Float[Tensor, " channels"]) -> None:
        """Take over statistics of training data."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-6, std, 0))

    @property
    def factor(self) -> Float[Tensor, " channels"]:
        """What centred channels are multiplied by."""
        return torch.where(self.std > 0, 1 / self.std, 0)

    def forward(self, values: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch channels"]:
        """In units of the standard deviation."""
        return (values - self.mean) * self.factor

    def undo(self, values: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch channels"]:
        """Back in units of the data."""
        return values * self.std + self.mean


class Policy(nn.Module):
    """Pictures' features, states and past actions of some steps → the next actions at every step.

    The cells of a feature map are each mapped to a few channels and laid side by side before they
    become one token, so that the token says where things are; of a map with one cell, which is a
    mean over the picture, the token is a plain linear map. Attention is causal: a step sees itself
    and the steps before it. A batch may therefore be filled up at the end of its sequences, and a
    policy needs no padding at the beginning of an episode.

    Args:
        in_channels: channels of the feature maps.
        grid_hw: cells of the feature maps.
        num_state: numbers of the robot's state.
        num_action: numbers of an action.
        history: steps that it reads, at most.
        future: actions that it predicts.
        channels: of a token.
        blocks: of the transformer.
        heads: of each block's attention.
        dropout: in training, of the transformer.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        grid_hw: HW,
        num_state: int,
        num_action: int,
        history: int = 16,
        future: int = 16,
        channels: int = 192,
        blocks: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "in_channels": in_channels,
            "grid_hw": list(grid_hw),
            "num_state": num_state,
            "num_action": num_action,
            "history": history,
            "future": future,
            "channels": channels,
            "blocks": blocks,
            "heads": heads,
            "dropout": dropout,
        }
        self.history, self.future = history, future
        self.visual = Standardise(in_channels)
        self.state = Standardise(num_state)
        self.action = Standardise(num_action)
        num_cells = grid_hw[0] * grid_hw[1]
        cell_channels = max(CELL_CHANNELS, CELL_NUMBERS // num_cells)
        self.see_cell = nn.Linear(in_channels, cell_channels)
        self.see_all = nn.Sequential(
            nn.LayerNorm(num_cells * cell_channels),
            nn.GELU(),
            nn.Linear(num_cells * cell_channels, channels),
        )
        self.feel = nn.Linear(num_state, channels)
        self.recall = nn.Linear(num_action, channels)
        self.positions = nn.Parameter(0.02 * torch.randn(history, 1, channels))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                channels, heads, 4 * channels, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(blocks)
        )
        self.answer = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, future * num_action)
        )

    @property
    def sees(self) -> bool:
        """Whether actions depend on pictures: not where all of those it learned from are alike."""
        return bool(self.visual.std.any())

    def see(
        self, maps: Float[Tensor, "*batch height width in_channels"]
    ) -> Float[Tensor, "*batch channels"]:
        """The tokens of pictures, from their feature maps of any floating-point type."""
        # standardising is part of the weights, which spares a copy of the maps
        weight = self.see_cell.weight * self.visual.factor
        bias = self.see_cell.bias - weight @ self.visual.mean
        # (*batch, height, width, cell_channels) → (*batch, height × width × cell_channels)
        return self.see_all(F.linear(maps.to(weight.dtype), weight, bias).flatten(-3))

    def predict(
        self,
        seen: Float[Tensor, "batch steps channels"],
        states: Float[Tensor, "batch steps num_state"],
        before: Float[Tensor, "batch steps num_action"],
    ) -> Float[Tensor, "batch steps future num_action"]:
        """Actions in units of their standard deviation, from tokens of pictures.

        Args:
            seen: as `see` returns them.
            states: of the robot at each step, in their own units.
            before: the action before each step, in its own units; anything where there was none,
                for example the mean.
        """
        batch, steps = states.shape[:2]
        tokens = [seen, self.recall(self.action(before)), self.feel(self.state(states))]
        hidden = torch.stack(tokens, dim=2) + self.positions[:steps]
        mask = _later(steps, len(tokens), hidden.device)
        # (batch, steps, modalities, channels) → (batch, steps × modalities, channels) and back
        hidden = hidden.flatten(1, 2)
        for block in self.blocks:
            hidden = block(hidden, src_mask=mask)
        last = hidden.unflatten(1, (steps, len(tokens)))[:, :, -1]
        return self.answer(last).reshape(batch, steps, self.future, -1)

    def forward(
        self,
        maps: Float[Tensor, "batch steps height width in_channels"],
        states: Float[Tensor, "batch steps num_state"],
        before: Float[Tensor, "batch steps num_action"],
    ) -> Float[Tensor, "batch steps future num_action"]:
        """Actions in units of their standard deviation; see `predict`."""
        return self.predict(self.see(maps), states, before)


def _later(steps: int, num_modalities: int, device: torch.device) -> Bool[Tensor, "tokens tokens"]:
    """Whether the second token is of a later step than the first, which must not see it."""
    step = torch.arange(steps, device=device).repeat_interleave(num_modalities)
    return step[None, :] > step[:, None]
