"""A Vision Transformer's weights out of an ONNX graph, under timm's names.

The export names biases and norms, but its matrices are anonymous operands of `MatMul`. Each is
found through the bias that is added to its product. The graph is read, never run.
"""

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from polyscale.errors import require
from polyscale.types import HW

# names in the graph → names in timm, inside one block
_BLOCK = {
    "norm1": "norm1",
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "layer_scale2.lambda1": "ls2.gamma",
}
_QKV = [f"attention.attention.{part}" for part in ("query", "key", "value")]


def vit_state_dict(path: Path, *, grid_hw: HW) -> dict[str, Tensor]:
    """The state dict of timm's Vision Transformer with layer scale.

    Args:
        path: ONNX file whose initialisers hold the backbone under `backbone.…` names.
        grid_hw: patches of the model that takes the weights; the position embedding is resampled
            to them as the graph does it, bicubic without antialiasing.
    """
    require("onnx", extra="weights", feature="pip:dinov2_small")
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    tensors |= _linear_weights(graph, tensors)
    embeddings = "backbone.embeddings"
    state = {
        "cls_token": tensors[f"{embeddings}.cls_token"],
        "pos_embed": _position_embedding(tensors, grid_hw),
        "norm.weight": tensors["backbone.layernorm.weight"],
        "norm.bias": tensors["backbone.layernorm.bias"],
    }
    for end in ("weight", "bias"):
        state[f"patch_embed.proj.{end}"] = tensors[
            f"{embeddings}.patch_embeddings.projection.{end}"
        ]
    found = (re.match(r"backbone\.encoder\.layer\.(\d+)\.", name) for name in tensors)
    layers = {int(match[1]) for match in found if match}
    for layer in sorted(layers):
        state |= _block(tensors, layer)
    return state


def _linear_weights(graph: object, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """`….weight` for each `….bias` that is added to a product with an initialiser."""
    operands = {
        node.output[0]: node.input[1]
        for node in graph.node  # type: ignore[attr-defined]
        if node.op_type == "MatMul" and node.input[1] in tensors
    }
    found = {}
    for node in graph.node:  # type: ignore[attr-defined]
        if node.op_type != "Add":
            continue
        for bias, product in (node.input, reversed(node.input)):
            if bias.endswith(".bias") and product in operands:
                # MatMul holds (in, out), torch's linear layer (out, in)
                weight = tensors[operands[product]].T.contiguous()
                found[bias.removesuffix("bias") + "weight"] = weight
    return found


def _position_embedding(tensors: dict[str, Tensor], grid_hw: HW) -> Tensor:
    """Of the class token, then of the patches: the two anonymous (1, tokens, dim) tensors."""
    anonymous = [t for name, t in tensors.items() if t.ndim == 3 and not name.endswith("cls_token")]
    of_cls, of_patches = sorted(anonymous, key=lambda t: t.shape[1])
    side = round(of_patches.shape[1] ** 0.5)
    # (1, side², dim) → (1, dim, side, side)
    square = of_patches.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    resized = F.interpolate(square, size=tuple(grid_hw), mode="bicubic", align_corners=False)
    return torch.cat([of_cls, resized.flatten(2).transpose(1, 2)], dim=1)


def _block(tensors: dict[str, Tensor], layer: int) -> dict[str, Tensor]:
    there, here = f"backbone.encoder.layer.{layer}", f"blocks.{layer}"
    state = {}
    for end in ("weight", "bias"):
        parts = [tensors[f"{there}.{part}.{end}"] for part in _QKV]
        state[f"{here}.attn.qkv.{end}"] = torch.cat(parts)
    for theirs, ours in _BLOCK.items():
        if theirs.startswith("layer_scale"):
            state[f"{here}.{ours}"] = tensors[f"{there}.{theirs}"]
        else:
            for end in ("weight", "bias"):
                state[f"{here}.{ours}.{end}"] = tensors[f"{there}.{theirs}.{end}"]
    return state
