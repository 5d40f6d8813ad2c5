"""The first stage of training on maps: places look to the language model like the words for them.

The gradient of a few thousand answers, through all layers of a language model, is a weak teacher
for a projector that begins at random. Boxes around named objects are a strong one, and need no pass
of the language model: features of a place are mapped to the embedding of the object's name.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor, nn

from polyscale.features import MapSource
from polyscale.language.training.answer_loss import projector_of

EPOCHS, BATCH, RATE, WEIGHT_DECAY, DROPOUT = 8, 256, 1e-3, 0.05, 0.3

NOTHING_WEIGHT = 0.1
"""Weight of a cell in which no object is known: there are many, and some hold others."""


def align_projector(
    llava: Any,
    processor: Any,
    maps: MapSource,
    pictures: NDArray[np.int64],
    cells: Int[np.ndarray, "pictures cells"],
    names: Sequence[str],
    *,
    seed: int,
) -> float:
    """Fit the projector, in place, to the language model's embeddings of names.

    Args:
        llava: of `make_map_llava`.
        processor: of `make_map_llava`.
        maps: of pictures (num_pictures, h, w, channels).
        pictures: indices of those that are learned from.
        cells: for each of them and each of its cells, row by row, which name stands for it. The
            first name stands for cells without an object.
        names: words.
        seed: of the order and of dropout.

    Returns:
        The squared error of the last epoch, in variances of the embeddings.
    """
    words = word_embeddings(llava, processor, names)
    projector = projector_of(llava)
    dtype = next(projector.parameters()).dtype
    projector.float().requires_grad_(True)
    features = torch.from_numpy(maps.take(pictures)).flatten(0, 2).float().to(words.device)
    wanted = torch.from_numpy(cells).flatten().to(words.device)
    devices = [words.device] if words.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        error = _fit(projector, features, wanted, words)
    projector.to(dtype)
    return error


def word_embeddings(llava: Any, processor: Any, names: Sequence[str]) -> Tensor:
    """What the language model reads of each name, float32 (num_names, width).

    A name of several tokens is their mean. It begins with a space, as it does inside a sentence.
    """
    table = llava.get_input_embeddings().weight.detach().float()
    tokens = [processor.tokenizer(f" {n}", add_special_tokens=False)["input_ids"] for n in names]
    return torch.stack([table[ids].mean(dim=0) for ids in tokens])


def _fit(projector: nn.Module, features: Tensor, wanted: Tensor, words: Tensor) -> float:
    weight = torch.where(wanted > 0, 1.0, NOTHING_WEIGHT)
    optimiser = torch.optim.AdamW(projector.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    variance, total = words.var(), 0.0
    for _ in range(EPOCHS):
        total = 0.0
        for chosen in torch.randperm(len(features)).to(features.device).split(BATCH):
            mapped = projector(F.dropout(features[chosen], DROPOUT))
            errors = (mapped - words[wanted[chosen]]).square().mean(dim=1) / variance
            loss = (errors * weight[chosen]).sum() / weight[chosen].sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(chosen)
    return total / len(features)
