"""How it was measured, and what that can't tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polyscale.types import Result, Source

SOURCES: dict[Source, str] = {
    "base": (
        "base: larger scales are enlarged from the image at the model’s own size, so that no new "
        "pixel enters. This is the fair comparison with a larger model, which sees that size too."
    ),
    "native": (
        "native: larger scales are resized from the original picture, so that they can show detail "
        "that the model’s own size does not hold. This is what one would do in practice; part of "
        "any gain is resolution."
    ),
}


def shared_facts(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Entries that all rows agree on."""
    first = facts[0]
    return {key: first[key] for key in first if all(_has(f, key, first[key]) for f in facts)}


def differing_keys(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys on which rows disagree, or that some lack."""
    shared = shared_facts(facts)
    return [key for key in _keys(facts) if key not in shared]


def fact_text(value: object) -> str:
    """A fact from JSON as a reader sees it; lists and mappings on one line."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{fact_name(key)}: {fact_text(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(fact_text(entry) for entry in value) or "–"
    return str(value)


def fact_name(key: object) -> str:
    """`num_train` → `num train`: a key as a reader sees it."""
    return str(key).replace("_", " ")


def timing_text(timing: Mapping[str, Any]) -> str:
    """`62 s in all, 48 s in models, busy 77 % of it; longest: extract 40 s`, and a full stop."""
    parts = [
        f"{timing[key]:,.0f} s {what}"
        for key, what in (("wall_s", "in all"), ("model_s", "in models"))
        if timing.get(key) is not None
    ]
    if timing.get("busy_share") is not None:
        parts.append(f"busy {100 * timing['busy_share']:.0f} % of it")
    stages = sorted((timing.get("stages") or {}).items(), key=lambda item: -item[1])[:5]
    longest = ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in stages)
    return ", ".join(parts) + (f"; longest: {longest}" if longest else "") + "."


def limits(results: Sequence[Result], num_contrasts: int) -> list[str]:
    """What the numbers can't tell."""
    row = results[0]
    found = [
        f"One data set: {row.data}, with {row.num_train} training and {row.num_test} test images. "
        "Other images may answer differently.",
        "One split into training and test images, and one training of the probe. The intervals "
        "say how far the test images carry, not how another split or training would come out.",
        "One probe on frozen features. Fine-tuning, or another task such as segmentation, may "
        "rank the candidates differently.",
        "Time and memory are of one machine at batch 1. Multiply-adds are of the model and carry "
        "over; time does not.",
    ]
    if num_contrasts > 1:
        found.append(
            f"{num_contrasts} pairs were tested and no p-value in the table is corrected for that: "
            "one in twenty falls below 0.05 by chance where nothing differs. Those that verdicts "
            "are drawn from are corrected (Holm)."
        )
    return found


def _has(facts: Mapping[str, Any], key: str, value: object) -> bool:
    return key in facts and facts[key] == value


def _keys(facts: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for one in facts for key in one))
