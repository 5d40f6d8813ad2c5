"""Tensors and words in one safetensors file, whole or absent; nothing in it can be executed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from polyscale.errors import RunError, first_line, require
from polyscale.features import whole_file


def write_tensors(
    file: Path, tensors: Mapping[str, Tensor], key: str, words: Mapping[str, Any], *, what: str
) -> None:
    """Keep tensors, and words as JSON under a key of the file's metadata.

    Args:
        file: to write.
        tensors: by name; some may be the same, as tied weights are.
        key: that tells what kind of file it is.
        words: JSON-like.
        what: how errors call the file.

    Raises:
        RunError: if the disk refuses.
    """
    require("safetensors", extra="compare", feature=what)
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # the format refuses tensors that share memory
    alone = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    try:
        with whole_file(file) as partial:
            save_file(alone, partial, {key: json.dumps(words)})
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{what} cannot be written to {file.parent} ({first_line(error)}). "
            "Make room, or choose another folder."
        ) from error


def read_tensors(file: Path, key: str, *, what: str) -> tuple[Any, dict[str, Tensor]]:
    """Words and tensors of a file; the words are None where the key is not there.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no whole safetensors file.
    """
    require("safetensors", extra="compare", feature=what)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            words = json.loads((opened.metadata() or {}).get(key, "null"))
            return words, {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(first_line(error)) from error
