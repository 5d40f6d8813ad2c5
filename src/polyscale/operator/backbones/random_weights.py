"""A model with all that it has learned taken away."""

from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)

LEARNED_MAPS = (nn.Linear, nn.modules.conv._ConvNd)


def with_random_weights(model: M, seed: int) -> M:
    """A copy of a model with weights as they are before training; the model stays as it is.

    Layers of torch get their own initial values, except that the weights of convolutions and linear
    layers are drawn so that activations neither fade nor grow from layer to layer (He et al., ICCV
    2015), and their biases are zero. Other parameters, such as tokens and position embeddings,
    keep their values in another order.
    """
    copy = deepcopy(model).cpu()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for part in copy.modules():
            _restart(part)
    return copy


def _restart(part: Any) -> None:
    """Draw the parameters that a module holds itself."""
    if hasattr(part, "reset_parameters"):
        part.reset_parameters()
        if isinstance(part, LEARNED_MAPS):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        return
    for parameter in part.parameters(recurse=False):
        order = torch.randperm(parameter.numel())
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
