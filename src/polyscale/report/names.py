"""Candidates as a reader sees them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from polyscale.records import Result
from polyscale.report.numbers import NBSP
from polyscale.types import Candidate, format_scale


def scales_text(scales: Iterable[float]) -> str:
    """`1, 2, 3`."""
    return ", ".join(format_scale(scale) for scale in scales)


def scales_phrase(scales: Sequence[float]) -> str:
    """`scale 1`, `scales 1, 2, 3`."""
    return f"scale{'s' * (len(scales) > 1)} {scales_text(scales)}"


def model_name(backbone: str) -> str:
    """`efficientnet_lite0` of `pip:efficientnet_lite0`.

    >>> model_name("open_clip:ViT-B-16/openai")
    'ViT-B-16/openai'
    """
    return backbone.partition(":")[2] or backbone


def model_names(results: Iterable[Result]) -> dict[str, str]:
    """For each backbone its name without the source, where that leaves no two alike."""
    backbones = {result.backbone for result in results}
    taken = Counter(model_name(backbone) for backbone in backbones)
    return {b: b if taken[model_name(b)] > 1 else model_name(b) for b in backbones}


def chart_names(results: Iterable[Result], limit: int) -> dict[str, str]:
    """For each backbone a name of at most `limit` characters.

    A longer one loses what follows its first dot, which in timm's names tells the weights, where
    that leaves no two alike; or else its middle, since both ends tell models apart.
    """
    names = model_names(results)
    heads = {backbone: name.partition(".")[0] for backbone, name in names.items()}
    taken = Counter(heads.values())
    return {
        backbone: _shortened(heads[backbone], limit)
        if len(name) > limit and heads[backbone] and taken[heads[backbone]] == 1
        else _shortened(name, limit)
        for backbone, name in names.items()
    }


def short_names(results: Sequence[Result]) -> dict[str, str]:
    """For each candidate, for example `efficientnet_lite0 @ 1, 2`; a line breaks before the `@`."""
    models = model_names(results)
    return {r.candidate: f"{models[r.backbone]} {_at(r.scales)}" for r in results}


def _shortened(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    end = limit // 2
    return f"{name[: limit - end - 1]}…{name[-end:]}"


def _at(scales: Iterable[float]) -> str:
    return f"@ {scales_text(scales)}".replace(" ", NBSP)


def example(backbone: str, scales: Sequence[float]) -> str:
    """A candidate as the user would write it."""
    return str(Candidate(backbone, tuple(scales)))
