"""Tensors of an original checkpoint: their names, LoRA, and what they become.

Everything here is from mappings to mappings; no file is read.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from polyscale.errors import InputError, first_few

Lora = Mapping[str, tuple[Tensor, Tensor]]
"""Name of a weight → the factors A (rank, in) and B (out, rank) of its change."""

PREFIXES = {
    "model.multi_modal_projector.linear_1.": "model.mm_projector.0.",
    "model.multi_modal_projector.linear_2.": "model.mm_projector.2.",
    "model.vision_tower.backbone.": "model.vision_tower.vision_tower.vision_model.",
    "model.language_model.": "model.",
}
"""How names begin in transformers' LLaVA with a tower of several scales → in the original."""

UNUSED = re.compile(r"rotary_emb\.inv_freq$|embeddings\.position_ids$")
"""Constants that old checkpoints keep, and that transformers computes."""

EMBEDDINGS = ("model.embed_tokens.weight", "lm_head.weight")
"""Tensors with a row for each token, by original names."""


def original_name(name: str) -> str:
    """The original's name of a tensor of transformers' model.

    >>> original_name("model.language_model.layers.0.mlp.up_proj.weight")
    'model.layers.0.mlp.up_proj.weight'
    """
    for prefix, original in PREFIXES.items():
        if name.startswith(prefix):
            return original + name.removeprefix(prefix)
    return name


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors without the prefixes that peft adds to their names, and without constants."""
    return {_plain(name): t for name, t in tensors.items() if not UNUSED.search(name)}


def pair_lora(tensors: Mapping[str, Tensor], rank: int) -> dict[str, tuple[Tensor, Tensor]]:
    """The two factors of each weight that an adapter changes.

    Args:
        tensors: of the adapter, by plain names.
        rank: of all factors.

    Raises:
        InputError: if a factor is missing or has another rank, or there are other tensors.
    """
    factors: dict[str, dict[str, Tensor]] = {}
    problems = []
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(.+)\.lora_([AB])(?:\.default)?\.weight", name)
        if match is None:
            problems.append(f"{name} is no factor of LoRA")
        elif tensor.ndim != 2 or tensor.shape[0 if match[2] == "A" else 1] != rank:
            problems.append(f"{name} has the shape {list(tensor.shape)} instead of rank {rank}")
        else:
            factors.setdefault(f"{match[1]}.weight", {})[match[2]] = tensor
    for name, pair in factors.items():
        problems += [f"{name} has no lora_{letter}" for letter in "AB" if letter not in pair]
    if problems or not factors:
        raise InputError(
            f"adapter must hold two factors for each weight that it changes, but "
            f"{first_few(problems) or 'it is empty'}. Download the checkpoint again."
        )
    return {name: (pair["A"], pair["B"]) for name, pair in factors.items()}


def merge_lora(weight: Tensor, factors: tuple[Tensor, Tensor], scaling: float) -> Tensor:
    """W + scaling · B · A, in float32.

    Args:
        weight: (out, in).
        factors: A (rank, in) and B (out, rank).
        scaling: alpha / rank.
    """
    a, b = (factor.float() for factor in factors)
    return weight.float().addmm(b, a, alpha=scaling)


def check_tensors(
    found: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    lora: Lora,
) -> None:
    """Compare names and shapes of tensors; embeddings may have fewer rows than the model.

    Args:
        found: by original names.
        expected: by the names of transformers.
        lora: by original names of weights.

    Raises:
        InputError: naming those that are missing, belong to nothing or have another shape.
    """
    wanted = {original_name(name): tuple(tensor.shape) for name, tensor in expected.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    changed = {name: (b.shape[0], a.shape[1]) for name, (a, b) in lora.items()}
    wrong = [
        f"{prefix}{name} {list(shape)} instead of {list(wanted[name])}"
        for prefix, given in (("", shapes), ("LoRA of ", changed))
        for name, shape in given.items()
        if name in wanted and not _fits(name, shape, wanted[name])
    ]
    problems = {
        "is without": [name for name in wanted if name not in shapes],
        "has what belongs to nothing:": [n for n in (*shapes, *changed) if n not in wanted],
        "has other shapes:": wrong,
    }
    told = [f"{what} {first_few(names)}" for what, names in problems.items() if names]
    if told:
        raise InputError(
            f"checkpoint must hold the tensors of its model, but {'; it '.join(told)}. "
            "Check that checkpoint, base and vision belong together."
        )


def finish_tensor(
    name: str, like: Tensor, *, tensors: Mapping[str, Tensor], lora: Lora, scaling: float
) -> Tensor:
    """A tensor of the new model: LoRA merged, rows for new tokens added, in the model's type.

    New rows are the mean of the others. So the score of a token that was never trained is the
    mean of all scores, and it is never the best.

    Args:
        name: in transformers' model.
        like: of the shape and type that are wanted.
        tensors: by original names.
        lora: by original names of weights.
        scaling: of LoRA.
    """
    old = original_name(name)
    tensor = tensors[old]
    if old in lora:
        tensor = merge_lora(tensor, lora[old], scaling)
    missing = len(like) - len(tensor) if like.ndim else 0
    if missing:
        mean = tensor.float().mean(dim=0, keepdim=True)
        tensor = torch.cat([tensor, mean.expand(missing, -1).to(tensor)])
    return tensor.to(like.dtype).contiguous()


def _plain(name: str) -> str:
    """`base_model.model.model.mm_projector.0.bias` → `model.mm_projector.0.bias`."""
    name = name.removeprefix("base_model.")
    for prefix in ("model.model.", "model.lm_head."):
        if name.startswith(prefix):
            return name.removeprefix("model.")
    return name


def _fits(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape is right; rows of embeddings may be missing."""
    if name in EMBEDDINGS:
        return len(shape) == 2 and shape[0] <= wanted[0] and shape[1] == wanted[1]
    return shape == wanted
