"""A Vision Transformer's weights out of an ONNX graph, under timm's names.

The export names biases and norms, but its matrices are anonymous operands of `MatMul`. Each is
found through the bias that is added to its product. The graph is read, never run.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyscale.errors import require
from polyscale.types import HW

RENAMED = {
    "backbone.embeddings.cls_token": "cls_token",
    "backbone.embeddings.patch_embeddings.projection": "patch_embed.proj",
    "backbone.layernorm": "norm",
    "backbone.encoder.layer": "blocks",
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
"""Parts of names in the graph → in timm."""

QKV = [f"attention.attention.{part}." for part in ("query", "key", "value")]


def vit_state_dict(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """The state dict of timm's Vision Transformer with layer scale.

    The file's initialisers hold the backbone under `backbone.…` names. The position embedding is
    resampled to the model's grid as the graph does it, bicubic without antialiasing.
    """
    require("onnx", extra="weights", feature="pip:dinov2_small")
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    tensors |= _linear_weights(graph, tensors)
    for query in [name for name in tensors if QKV[0] in name]:
        parts = [tensors.pop(query.replace(QKV[0], part)) for part in QKV]
        tensors[query.replace(QKV[0], "attn.qkv.")] = torch.cat(parts)
    tensors["pos_embed"] = _position_embedding(tensors, model.patch_embed.grid_size)  # type: ignore[union-attr, arg-type]
    renamed = {_timm_name(name): tensor for name, tensor in tensors.items()}
    return {name: renamed[name] for name in model.state_dict()}


def _timm_name(name: str) -> str:
    for old, new in RENAMED.items():
        name = name.replace(old, new)
    return name


def _linear_weights(graph: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """`….weight` for each `….bias` that is added to a product with an initialiser."""
    operands = {
        node.output[0]: node.input[1]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in tensors
    }
    weights = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        for bias, product in (node.input, reversed(node.input)):
            if bias.endswith(".bias") and product in operands:
                # MatMul holds (in, out), torch's linear layer (out, in)
                weight = tensors[operands[product]].T.contiguous()
                weights[bias.removesuffix("bias") + "weight"] = weight
    return weights


def _position_embedding(tensors: dict[str, Tensor], grid_hw: HW) -> Tensor:
    """Of the class token, then of the patches: the two anonymous (1, tokens, dim) tensors."""
    anonymous = [t for name, t in tensors.items() if t.ndim == 3 and not name.endswith("cls_token")]
    of_cls, of_patches = sorted(anonymous, key=lambda t: t.shape[1])
    side = round(of_patches.shape[1] ** 0.5)
    # (1, side², dim) → (1, dim, side, side)
    square = of_patches.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    resized = F.interpolate(square, size=tuple(grid_hw), mode="bicubic", align_corners=False)
    return torch.cat([of_cls, resized.flatten(2).transpose(1, 2)], dim=1)
