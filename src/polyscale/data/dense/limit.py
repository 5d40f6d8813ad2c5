"""`?limit=N`: a few images of each split, to try something small."""

from dataclasses import replace

from polyscale.data.dense.listing import DenseCatalogue, DenseListing
from polyscale.data.splits import draw
from polyscale.errors import InputError

MIN_LIMIT = 2
"""Training images: one to learn from, and one to choose with."""


def limited(catalogue: DenseCatalogue, limit: str | None, *, seed: int) -> DenseCatalogue:
    """At most so many images of each split, drawn by a hash of the seed and their ids.

    A smaller limit draws part of what a larger one does.

    Args:
        catalogue: what the source holds.
        limit: as the user wrote it; None takes all.
        seed: of the draw.

    Raises:
        InputError: if it is no whole number, or too small.
    """
    if limit is None:
        return catalogue
    if not (limit.isascii() and limit.isdigit()) or int(limit) < MIN_LIMIT:
        raise InputError(
            f"option limit of data must be a whole number of at least {MIN_LIMIT}, but got "
            f"{limit!r}. Example: ?limit=100"
        )

    def some(listing: DenseListing) -> DenseListing:
        return listing.take(draw(listing.images.ids, int(limit), seed=seed))

    about = catalogue.about
    if about is not None:
        about += f"; at most {limit} images of each split drawn by seed {seed}"
    return replace(
        catalogue,
        train=some(catalogue.train),
        test=None if catalogue.test is None else some(catalogue.test),
        about=about,
    )
