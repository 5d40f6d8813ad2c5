"""Weights as transformers reads and writes them: without its bars, and none left to chance."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers.utils import logging

from polyscale.errors import InputError, first_few


@contextmanager
def no_bars() -> Iterator[None]:
    """Reading and writing weights draws no bars; downloads keep theirs."""
    set_hook = getattr(logging, "set_tqdm_hook", None)  # newer than transformers 5.0
    if set_hook is None:
        yield
        return
    before = set_hook(lambda _, args, options: logging.EmptyTqdm(*args, **options))
    try:
        yield
    finally:
        set_hook(before)


def check_weights(source: str, found: Mapping[str, Any]) -> None:
    """Refuse a model some weights of which transformers has left to chance.

    Args:
        source: what the user called it.
        found: what `from_pretrained` returns with `output_loading_info`, where it was told to
            ignore mismatched sizes.

    Raises:
        InputError: naming what is missing or has another shape.
    """
    problems = [f"{name} is missing" for name in sorted(found["missing_keys"])]
    problems += [
        f"{name} has the shape {[*there]} instead of {[*wanted]}"
        for name, there, wanted in sorted(found["mismatched_keys"])
    ]
    if problems:
        raise InputError(
            f"model {source!r} must have the weights that its config.json asks for, but "
            f"{first_few(problems)}. Save or download it again."
        )
