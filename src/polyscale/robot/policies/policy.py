"""The policy: images, robot states and actions of the last steps → the next actions.

It follows RPT (Radosavovic et al., 2023), which the paper's section 3.2 builds on: each modality of
a step becomes a token of 192 channels, and a transformer of 4 blocks and 4 heads reads the tokens
of 16 steps. At every step it predicts the next 16 actions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from polyscale.types import HW

CELL_NUMBERS = 768
"""Number of channels that are divided among the cells of a map when each cell is projected."""

CELL_CHANNELS = 16
"""Least number of channels that each cell is projected to."""


class Standardise(nn.Module):
    """Scales channels to mean 0 and standard deviation 1; channels that never vary become 0.

    The statistics are buffers, so that they are saved with the weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def fit(self, mean: Float[Tensor, " channels"], std: Float[Tensor, " channels"]) -> None:
        """Set the statistics, which are those of the training data."""
        self.mean.copy_(mean)
        rounding = 1e-6 * mean.abs()  # what rounding leaves of constant channels
        self.std.copy_(torch.where(std > rounding, std, 0))

    @property
    def factor(self) -> Float[Tensor, " channels"]:
        """The factor that centred channels are multiplied by."""
        return torch.where(self.std > 0, 1 / self.std, 0)

    def forward(self, values: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch channels"]:
        """Convert values from units of the data to units of the standard deviation."""
        return (values - self.mean) * self.factor

    def undo(self, values: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch channels"]:
        """Convert values back to units of the data."""
        return values * self.std + self.mean


CHUNK_SIZE = 16
"""Default number of actions that a policy predicts at each step, as in RPT."""


class Policy(nn.Module):
    """Feature maps, states and previous actions of some steps → the next actions at every step.

    Each cell of a feature map is projected to a few channels. All cells are then concatenated and
    projected to one token, so that positions are kept. A map with a single cell, the mean over the
    image, passes through the same layers. Attention is causal: a step sees itself
    and the steps before it. Sequences in a batch may therefore be padded at their end, and an
    episode needs no padding at its beginning.

    Args:
        in_channels: number of channels of the feature maps.
        grid_hw: height and width of the feature maps, in cells.
        num_state: length of the robot's state vector.
        num_action: length of an action vector.
        history: largest number of steps that the policy reads.
        chunk_size: number of actions that it predicts at each step.
        channels: number of channels of a token.
        blocks: number of blocks of the transformer.
        heads: number of attention heads in each block.
        dropout: dropout rate of the transformer, 0 to 1, in training.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        grid_hw: HW,
        num_state: int,
        num_action: int,
        history: int = 16,
        chunk_size: int = CHUNK_SIZE,
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
            "chunk_size": chunk_size,
            "channels": channels,
            "blocks": blocks,
            "heads": heads,
            "dropout": dropout,
        }
        self.history, self.chunk_size = history, chunk_size
        self.visual = Standardise(in_channels)
        self.state = Standardise(num_state)
        self.action = Standardise(num_action)
        num_cells = grid_hw[0] * grid_hw[1]
        cell_channels = max(CELL_CHANNELS, CELL_NUMBERS // num_cells)
        self.project_cells = nn.Linear(in_channels, cell_channels)
        self.project_map = nn.Sequential(
            nn.LayerNorm(num_cells * cell_channels),
            nn.GELU(),
            nn.Linear(num_cells * cell_channels, channels),
        )
        self.project_state = nn.Linear(num_state, channels)
        self.project_action = nn.Linear(num_action, channels)
        self.positions = nn.Parameter(0.02 * torch.randn(history, 1, channels))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                channels, heads, 4 * channels, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(blocks)
        )
        self.action_head = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, chunk_size * num_action)
        )

    @property
    def uses_images(self) -> bool:
        """Whether actions depend on images; False if the training features were all the same."""
        return bool(self.visual.std.any())

    def visual_tokens(
        self, maps: Float[Tensor, "*batch height width in_channels"]
    ) -> Float[Tensor, "*batch channels"]:
        """Feature maps of images, of any floating-point type → one token for each image."""
        # standardisation is folded into the weights, which saves a copy of the maps
        weight = self.project_cells.weight * self.visual.factor
        bias = self.project_cells.bias - weight @ self.visual.mean
        # (*batch, height, width, cell_channels) → (*batch, height × width × cell_channels)
        return self.project_map(F.linear(maps.to(weight.dtype), weight, bias).flatten(-3))

    def predict(
        self,
        tokens: Float[Tensor, "batch steps channels"],
        states: Float[Tensor, "batch steps num_state"],
        previous_actions: Float[Tensor, "batch steps num_action"],
    ) -> Float[Tensor, "batch steps chunk_size num_action"]:
        """Predict actions, in units of their standard deviation, from tokens of images.

        Args:
            tokens: tokens of images, as `visual_tokens` returns them.
            states: states of the robot at each step, not standardised.
            previous_actions: the action before each step, not standardised; where there was none,
                any value, for example the mean.
        """
        batch, steps = states.shape[:2]
        modalities = [
            tokens,
            self.project_action(self.action(previous_actions)),
            self.project_state(self.state(states)),
        ]
        hidden = torch.stack(modalities, dim=2) + self.positions[:steps]
        mask = _later(steps, len(modalities), hidden.device)
        # (batch, steps, modalities, channels) → (batch, steps × modalities, channels) and back
        hidden = hidden.flatten(1, 2)
        for block in self.blocks:
            hidden = block(hidden, src_mask=mask)
        last = hidden.unflatten(1, (steps, len(modalities)))[:, :, -1]
        return self.action_head(last).reshape(batch, steps, self.chunk_size, -1)

    def forward(
        self,
        maps: Float[Tensor, "batch steps height width in_channels"],
        states: Float[Tensor, "batch steps num_state"],
        previous_actions: Float[Tensor, "batch steps num_action"],
    ) -> Float[Tensor, "batch steps chunk_size num_action"]:
        """Predict actions, in units of their standard deviation, from maps; see `predict`."""
        return self.predict(self.visual_tokens(maps), states, previous_actions)


def _later(steps: int, num_modalities: int, device: torch.device) -> Bool[Tensor, "tokens tokens"]:
    """Attention mask: True where the second token is of a later step, hidden from the first."""
    step = torch.arange(steps, device=device).repeat_interleave(num_modalities)
    return step[None, :] > step[:, None]
