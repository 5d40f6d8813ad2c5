"""Checkpoints and scales → entries with the paper's figures."""

from collections.abc import Sequence

from polyscale.data.paper import load_paper
from polyscale.types.recipe import Checkpoint, Entry

Scales = tuple[float, ...]
Pairs = Sequence[tuple[Checkpoint, Sequence[Scales]]]

PLAIN = ("single", "s2")
"""What the paper's tables call a model at one scale, and S² as it is proposed."""


def make_entries(
    table: str, family: str, pairs: Pairs, *, methods: Sequence[str] = PLAIN
) -> tuple[Entry, ...]:
    """One entry for each scale set of each checkpoint.

    Args:
        table: where the paper's figures are kept.
        family: of these, as the tables call it.
        pairs: checkpoints and scale sets.
        methods: which figures are meant, where a variant of S² is compared.
    """
    printed = {
        (row.model, row.tile_px, row.scales): row.value
        for row in load_paper(table)
        if row.family == family and row.method in methods
    }
    return tuple(
        Entry(
            checkpoint=weights,
            scales=scales,
            printed=printed.get((weights.model, weights.tile_px, scales)),
        )
        for weights, choices in pairs
        for scales in choices
    )
