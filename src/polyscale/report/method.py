"""How it was measured, and what that can't tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyscale.records import Result
from polyscale.report.vocabulary import Vocabulary, speak
from polyscale.types import Source

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


@dataclass(frozen=True, kw_only=True)
class Method:
    """How candidates were trained and judged, in words.

    Attributes:
        features: what the column of that name counts.
        chosen: on what scales and larger models are chosen.
        best_in: the same, of the best at a budget.
        joined: what becomes of the scales.
        head: what is trained on frozen features.
        head_text: how.
        intervals: where they come from.
        test: that two candidates differ.
        equivalence: that they do not.
        p_value: that of a pair in the table.
        counted: what costs are of.
    """

    features: str
    chosen: str
    best_in: str
    joined: str
    head: str
    head_text: str
    intervals: str
    test: str
    equivalence: str
    p_value: str
    counted: str


PROBED = Method(
    features="numbers that describe one image",
    chosen="by cross-validation on the training images",
    best_in="in cross-validation",
    joined="the features of each scale are pooled to the base grid and joined",
    head="Probe",
    head_text="One probe for each candidate, trained on the features of the training images and "
    "scored on the test images.",
    intervals="Of accuracies: Wilson’s. Of differences: percentiles of a bootstrap over the test "
    "images that all candidates share, so that differences are paired. Class by class: Tango’s.",
    test="McNemar’s exact test",
    equivalence="two one-sided score tests within the margin",
    p_value="exact McNemar test, two-sided, on the images that only one of the two gets right",
    counted="over all its tiles",
)
PIXELWISE = Method(
    features="numbers at each place of the map",
    chosen="on training images that heads did not learn from",
    best_in="on held-out training images",
    joined="the map of each scale is pooled to the base grid and they are joined",
    head="Head",
    head_text="One head for each candidate, trained on the maps of the training images and scored "
    "on the test images at their own size.",
    intervals="Percentiles of a bootstrap over whole test images, never pixels; all candidates "
    "see the same resamples, so that differences are paired.",
    test="the bootstrap’s p-value",
    equivalence="two one-sided bootstrap tests within the margin",
    p_value="bootstrap over test images, two-sided",
    counted="over all its tiles and views, with its head",
)
POOLED = {
    "miou": " Intersections and unions are added up over all test images before they are divided; "
    "a class that is in none of them is left out.",
    "rmse": " RMSE is of each image over its known pixels, and then the mean over images.",
}
"""How the metric of an image becomes that of all."""


SCORE_NOTES = {
    "miou": "Pixel accuracy: pixels that are right. Mean class accuracy: the mean over classes of "
    "how many of its pixels are found.",
    "rmse": "δ: pixels whose predicted depth is within that factor of the true one. Each is of an "
    "image over its known pixels, and then the mean over images.",
}
"""What the other metrics mean."""


def method_of(say: Vocabulary) -> Method:
    """The words for runs that are judged by this metric."""
    return PROBED if say.is_right_or_wrong else PIXELWISE


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
    say = speak(row.metric)
    head = method_of(say).head.lower()
    other = "segmentation" if say.is_right_or_wrong else "classification"
    found = [
        f"One data set: {row.data}, with {row.num_train} training and {row.num_test} test images. "
        "Other images may answer differently.",
        f"One split into training and test images, and one training of the {head}. The intervals "
        "say how far the test images carry, not how another split or training would come out.",
        f"One {head} on frozen features. Fine-tuning, or another task such as {other}, may "
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
