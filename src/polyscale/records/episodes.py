"""Episodes of policies: `episodes.json` and `films.parquet` of a run, and `episodes.jsonl`."""

from collections.abc import Mapping
from dataclasses import dataclass

from polyscale.records.codec import Count, PositiveCount, Record, Share

FILMS_FILE = "films.parquet"


@dataclass(frozen=True, kw_only=True)
class Episodes(Record):
    """Where test episodes began, and how often candidates succeed there.

    Attributes:
        ids: of the episodes.
        xy_m: x and y of the object to pick up when each episode begins, in metres.
        success: candidate → for each episode the share of its policies that succeeded.
        num_policies: trained for each candidate.
        map_words: a sentence about what lies on which side of a map, x to the right and y upwards.
    """

    ids: tuple[str, ...]
    xy_m: tuple[tuple[float, float], ...]
    success: Mapping[str, tuple[Share, ...]]
    num_policies: PositiveCount = 1
    map_words: str = ""

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
        success: whether it succeeded.
        steps: number of actions until it ended.
        bytes: an animated WebP.
    """

    candidate: str
    id: str
    success: bool
    steps: int
    bytes: bytes


@dataclass(frozen=True, kw_only=True)
class EpisodeRow(Record):
    """A line of `episodes.jsonl`: an episode that has ended.

    Attributes:
        seed: of the scene.
        success: whether the policy succeeded.
        steps: number of actions until the episode ended.
        state: what the simulator knew at the end.
    """

    seed: Count
    success: bool
    steps: Count
    state: tuple[float, ...]
