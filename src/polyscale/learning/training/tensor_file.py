"""Tensors and JSON in one safetensors file, whole or absent, with a checksum of everything.

Nothing in such a file can be executed. The checksum covers the JSON and the name, type, shape and
bytes of every tensor; it finds damage, not forgery.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from polyscale.errors import RunError, first_line, require
from polyscale.features import whole_file

CHECKSUM = "polyscale_checksum"
"""Key of the checksum in the metadata of a file."""


class TensorFile(NamedTuple):
    """Content of a file.

    Attributes:
        about: the JSON that was saved with the tensors; None where the file is of another kind.
        tensors: by name, on the CPU.
        has_checksum: whether the file has a checksum, which then matched.
    """

    about: Any
    tensors: dict[str, Tensor]
    has_checksum: bool


def write_tensors(
    file: Path, tensors: Mapping[str, Tensor], key: str, about: Mapping[str, Any], *, what: str
) -> None:
    """Write tensors, and JSON under a key of the file's metadata.

    Args:
        file: to write.
        tensors: by name; they may share memory, as tied weights do.
        key: the kind of file.
        about: JSON-like.
        what: name of the kind of file in errors, for example "a checkpoint".

    Raises:
        RunError: if the disk refuses.
        MissingExtraError: if safetensors is not installed.
    """
    require("safetensors", extra="compare", feature=what)
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # the format refuses tensors that share memory
    copies = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    text = json.dumps(about)
    try:
        with whole_file(file) as partial:
            save_file(copies, partial, {key: text, CHECKSUM: _checksum(text, copies)})
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{what} cannot be written to {file.parent} ({first_line(error)}). "
            "Make room, or choose another folder."
        ) from error


def read_tensors(file: Path, key: str, *, what: str) -> TensorFile:
    """Read a file and verify its checksum, if it has one.

    Args:
        file: to read.
        key: the expected kind of file.
        what: name of the kind of file in errors.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole safetensors file, or its checksum does not match.
        MissingExtraError: if safetensors is not installed.
    """
    require("safetensors", extra="compare", feature=what)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        text, expected = metadata.get(key, "null"), metadata.get(CHECKSUM)
        if expected is not None and expected != _checksum(text, tensors):
            raise ValueError("its checksum does not match its content")
        return TensorFile(json.loads(text), tensors, expected is not None)
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(first_line(error)) from error


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        # as raw bytes, since NumPy has no bfloat16
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
