"""Transformers draws bars of its own, between the lines of whoever calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


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
