"""Test episodes of a run: `episodes.json`, and films of some of them in `films.parquet`."""

from collections.abc import Mapping
from dataclasses import dataclass

from polyscale.records.codec import PositiveCount, Record, Share

FILMS_FILE = "films.parquet"


@dataclass(frozen=True, kw_only=True)
class Episodes(Record):
    """Where test episodes began, and how often candidates succeed there.

    Attributes:
        ids: of the episodes.
        xy_m: where what is to be reached lies in each, in metres.
        success: candidate → for each episode the share of its policies that succeeded.
        num_policies: trained for each candidate.
    """

    ids: tuple[str, ...]
    xy_m: tuple[tuple[float, float], ...]
    success: Mapping[str, tuple[Share, ...]]
    num_policies: PositiveCount = 1

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.xy_m), *(len(own) for own in self.success.values())}
        if len(lengths) > 1 or not self.ids:
            raise ValueError("must hold lists of one length, but they differ or are empty")


@dataclass(frozen=True, kw_only=True)
class FilmRow:
    """A row of `films.parquet`: an episode of a candidate's first policy.

    Attributes:
        candidate: whose policy it is.
        id: of the episode.
        lifted: whether it succeeded.
        steps: actions until it ended.
        bytes: an animated WebP.
    """

    candidate: str
    id: str
    lifted: bool
    steps: int
    bytes: bytes
