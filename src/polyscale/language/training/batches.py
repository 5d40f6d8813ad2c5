"""Sequences → batches of tensors, with the pixels of their pictures or features that are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from polyscale.features import MapSource
from polyscale.features.keys import Images
from polyscale.language.training.sequences import IGNORED, Tokens, TokenSequence

PADDED = -1
"""Branch of tokens that only fill a row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InOrder:
    """Sequences in the order in which they are seen, as a data set of PyTorch."""

    sequences: Sequence[TokenSequence]
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> TokenSequence:
        return self.sequences[self.order[index]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Collator:
    """Sequences → what `AnswerLoss` takes.

    Attributes:
        processor: of the model.
        pictures: of all sequences.
        features: of the pictures (num_pictures, 1, tokens, channels), in place of their pixels.
    """

    processor: Any
    pictures: Images
    features: MapSource | None = None

    def __call__(self, sequences: Sequence[TokenSequence]) -> dict[str, Tensor]:
        """A batch; rows are filled on the right, where no other token sees it."""
        vision, counts = self._vision([i for each in sequences for i in each["pictures"]])
        image_token_id = self.processor.image_token_id
        columns: list[tuple[Tensor, ...]] = []
        for each in sequences:
            num = len(each["pictures"])
            repeats = np.ones(len(each["ids"]), np.int64)
            repeats[each["ids"] == image_token_id], counts = counts[:num], counts[num:]
            names = ("ids", "targets", "branch")
            tokens = [np.repeat(each[name], repeats) for name in names]  # type: ignore[literal-required]
            columns.append(tuple(map(torch.from_numpy, (*tokens, _positions(tokens[2])))))
        pad = self.processor.tokenizer.pad_token_id or 0
        ids, targets, branch, positions = (
            pad_sequence(list(column), batch_first=True, padding_value=fill)
            for column, fill in zip(
                zip(*columns, strict=True), (pad, IGNORED, PADDED, 0), strict=True
            )
        )
        batch = {"input_ids": ids, "labels": targets, **vision}
        if (branch > 0).any():
            batch |= {"attention_mask": branch_mask(branch), "position_ids": positions}
        return batch

    def _vision(self, indices: Sequence[int]) -> tuple[dict[str, Tensor], list[int]]:
        """What the model gets of pictures, and the tokens that each becomes."""
        if not indices:
            return {}, []
        if self.features is not None:
            kept = torch.from_numpy(self.features.take(np.array(indices))).flatten(1, 2).float()
            return {"pixel_values": kept}, [kept.shape[1]] * len(indices)
        pictures = [self.pictures.read(index) for index in indices]
        texts = [self.processor.image_token] * len(indices)
        made = self.processor(text=texts, images=pictures, padding=True, return_tensors="pt")
        counts = (made["input_ids"] == self.processor.image_token_id).sum(1).tolist()
        text = ("input_ids", "attention_mask", "token_type_ids")
        return {name: made[name] for name in made if name not in text}, counts


def branch_mask(branch: Int[Tensor, "rows tokens"]) -> Bool[Tensor, "rows 1 tokens tokens"]:
    """Which token (third axis) sees which (fourth): those before it in its branch or beginning."""
    seen, own = branch[:, None, None, :], branch[:, None, :, None]
    return ((seen == 0) | (seen == own)).tril()


def _positions(branch: Tokens) -> Tokens:
    """Where each token would be if its branch followed the beginning alone."""
    positions = np.arange(len(branch))
    num_shared = int((branch == 0).sum())
    for number in range(1, int(branch.max()) + 1):
        own = branch == number
        positions[own] = num_shared + np.arange(own.sum())
    return positions
