"""The folder of a training: what it is of, what it holds, and room for it on the disk."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, first_line
from polyscale.features import one_process, weights_hash, whole_file
from polyscale.language.disk import room_for
from polyscale.language.training.conversations import Conversations
from polyscale.language.training.settings import LlavaTraining

MODEL, ADAPTER, CHECKPOINTS, TENSORBOARD = "model", "adapter", "checkpoints", "tensorboard"
"""Folders in that of a training."""

FACTS, LOSSES = "training.json", "losses.json"

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
    if not out.exists():
        return None
    if not out.is_dir():
        raise InputError(f"out must be a folder, but {str(out)!r} is a file. Choose another.")
    try:
        there = dict(json.loads((out / FACTS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        if any(out.iterdir()):
            raise InputError(
                f"out must be a new folder or one of a training, but {str(out)!r} holds other "
                "files. Choose another."
            ) from None
        return None
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(out, FACTS, error) from error
    different = [
        f"{name} is {there.get(name)} there and {facts.get(name)} here"
        for name in {**there, **facts}
        if there.get(name) != facts.get(name)
    ]
    if different:
        raise InputError(
            f"out must be a new folder or one of this training, but {str(out)!r} holds another: "
            f"{'; '.join(different)}. Choose another folder, or delete it first."
        )
    return read_training(out) if (out / MODEL).is_dir() else None


def read_training(out: Path) -> TrainedLlava:
    """What a finished training wrote.

    Raises:
        InputError: if its losses are damaged.
    """
    adapter = out / ADAPTER
    try:
        losses = map(float, json.loads((out / LOSSES).read_text(encoding="utf-8")))
        return TrainedLlava(
            model=out / MODEL,
            adapter=adapter if adapter.is_dir() else None,
            losses=tuple(losses),
        )
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(out, LOSSES, error) from error


@contextmanager
def training_folder(out: Path, facts: Mapping[str, str], num_bytes: int) -> Iterator[None]:
    """The folder with the facts in it, for this process alone.

    Raises:
        RunError: if the disk has less room than `num_bytes` or refuses, or another process trains
            there.
    """
    with room_for(out, num_bytes, out), one_process(out):
        with whole_file(out / FACTS) as file:
            file.write_text(json.dumps(facts, indent=2), encoding="utf-8")
        yield


def _damaged(out: Path, name: str, error: Exception) -> InputError:
    return InputError(
        f"out {str(out)!r} holds a damaged {name} ({first_line(error)}). Choose another folder."
    )


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
