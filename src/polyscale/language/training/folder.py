"""The folder of the training of a LLaVA: what it is of, and what it holds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, first_line
from polyscale.features import weights_hash
from polyscale.language.training.conversations import Conversations
from polyscale.language.training.settings import LlavaTraining
from polyscale.learning.training import check_training_folder

MODEL, ADAPTER, CHECKPOINTS, TENSORBOARD = "model", "adapter", "checkpoints", "tensorboard"
"""Folders in that of a training."""

LOSSES = "losses.json"

CHANGES_NOTHING = ("workers", "save_every")
"""Settings that may differ when a training continues."""


@dataclass(frozen=True, kw_only=True)
class TrainedLlava:
    """What a training wrote.

    Attributes:
        model: folder of the LLaVA and its processor, which `from_pretrained` of both reads.
        adapter: folder of the adapter, where it was kept apart.
        losses: mean loss of the answers' tokens in each step of the optimiser, in nats.
    """

    model: Path
    adapter: Path | None
    losses: tuple[float, ...]


def training_facts(
    llava: Any, processor: Any, data: Conversations, settings: LlavaTraining
) -> dict[str, str]:
    """Everything that a training depends on, in words that can be compared."""
    chosen = {name: repr(value) for name, value in asdict(settings).items()}
    template = processor.chat_template or processor.tokenizer.chat_template
    how = f"{processor.image_processor.to_json_string()} {template}"
    return {
        **{name: value for name, value in chosen.items() if name not in CHANGES_NOTHING},
        "model": weights_hash(llava),
        "config of the model": _digest(llava.config.to_json_string()),
        "processor": _digest(f"{how} {sorted(processor.tokenizer.get_vocab().items())}"),
        "conversations": data.fingerprint,
        "pictures": data.pictures.fingerprint,
    }


def finished_training(out: Path, facts: Mapping[str, str]) -> TrainedLlava | None:
    """What the folder holds of this very training, if it is finished.

    Raises:
        InputError: if the folder holds anything else.
    """
    check_training_folder(out, facts)
    return read_training(out) if (out / MODEL).is_dir() else None


def read_training(out: Path) -> TrainedLlava:
    """What a finished training wrote.

    Raises:
        InputError: if its losses are damaged.
    """
    adapter = out / ADAPTER
    try:
        losses = tuple(map(float, json.loads((out / LOSSES).read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"out {str(out)!r} holds a damaged {LOSSES} ({first_line(error)}). "
            "Choose another folder."
        ) from error
    return TrainedLlava(
        model=out / MODEL, adapter=adapter if adapter.is_dir() else None, losses=losses
    )


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
