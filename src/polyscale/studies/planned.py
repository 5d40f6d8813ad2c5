"""What comparisons of every task do alike, before and while models run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any, Protocol, TypeVar

from torch import nn

from polyscale.data import ClassificationData, DenseData
from polyscale.features import StoreError, weights_hash
from polyscale.studies.failures import Failures
from polyscale.studies.run_settings import RunSettings
from polyscale.types import HW, Backbone, Candidate

Extracted = TypeVar("Extracted")

RESAMPLING = (
    "bicubic, antialiased where it shrinks, squashed to the tile's aspect; "
    "JPEGs that are much larger are decoded at a half, a quarter or an eighth"
)


class Planned(Protocol):
    """A plan of any task."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What is compared."""
        ...

    @property
    def backbones(self) -> dict[str, Backbone]:
        """The models, loaded."""
        ...


def shared_facts(
    data: ClassificationData | DenseData,
    candidates: Sequence[Candidate],
    settings: RunSettings,
    backbones: Mapping[str, Backbone],
) -> dict[str, object]:
    """What a run of any task is asked to do, as each row of its results keeps it."""
    return {
        "candidates": [str(c) for c in candidates],
        "data": data.name,
        "split": data.about,
        "train_fingerprint": data.train.fingerprint,
        "test_fingerprint": data.test.fingerprint,
        "data_notes": list(data.notes),
        "weights": {name: weights_hash(backbone) for name, backbone in backbones.items()},
        **asdict(replace(settings, dtype=settings.precision)),
        "resampling": RESAMPLING,
    }


def measured_facts(image_hw: HW, batch: int) -> dict[str, object]:
    """Under what costs were measured, and when."""
    return {
        "latency_image_hw": list(image_hw),
        "throughput_batch": batch,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }


def on_device(
    backbone: Backbone, plan: Planned, device: str, failures: Failures
) -> list[Candidate]:
    """The candidates of a backbone that could be moved to where models run."""
    members = [c for c in plan.candidates if plan.backbones[c.backbone] is backbone]
    for candidate in members:
        with failures.of(candidate):
            move(backbone, device)
    return [c for c in members if c not in failures]


def for_each(
    members: Sequence[Candidate],
    extract: Callable[[Sequence[float]], Extracted],
    failures: Failures,
) -> dict[Candidate, Extracted]:
    """Features for each candidate of a backbone, each scale once.

    Where that fails, each candidate is tried on its own: a scale that breaks the model is of no
    matter to those without it. What was computed meanwhile is kept.

    Args:
        members: candidates of one backbone.
        extract: scales → their features.
        failures: where those that fail are put.
    """
    scales = sorted({scale for candidate in members for scale in candidate.scales})
    try:
        return dict.fromkeys(members, extract(scales))
    except StoreError:
        raise
    except Exception:  # models are from outside and raise anything
        found = {}
        for candidate in members:
            with failures.of(candidate):
                found[candidate] = extract(candidate.scales)
        return found


def move(backbone: Backbone, device: str) -> None:
    """Where it is a module; anything else is where it is."""
    if isinstance(backbone, nn.Module):
        backbone.to(device)


def weights_of(facts: Mapping[str, Any], backbone: str) -> str:
    """The hash of a backbone's weights, as `shared_facts` keeps it."""
    return facts["weights"][backbone]
