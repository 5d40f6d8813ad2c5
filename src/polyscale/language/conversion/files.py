"""Checkpoints of LLaVA's own code: what their folders hold.

Three layouts are read. Everything in them is data: no file can run code.

- LoRA: `adapter_config.json`, `adapter_model.safetensors` or `.bin`, and `non_lora_trainables.bin`
  with the projector. The language model is another folder.
- Stage 1: `mm_projector.bin` with the projector. The language model is another folder.
- Full: the weights of language model and projector, in one file or several.

Each has a `config.json` beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from torch import Tensor

from polyscale.errors import InputError, first_few, first_line
from polyscale.language.conversion.tensors import Lora, pair_lora, plain_names

Kind = Literal["lora", "stage 1", "full"]

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files of a whole model; `.index.json` after the name lists the files of one in several parts."""

PLAIN_LORA: Mapping[str, Any] = {
    "bias": "none",
    "fan_in_fan_out": False,
    "lora_bias": False,
    "use_dora": False,
    "use_rslora": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
}
"""Options of an adapter that must have these values, or be missing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Original:
    """A checkpoint of LLaVA's own code. Its tensors are read from the disk when they are used.

    Attributes:
        kind: its layout.
        config: its `config.json`.
        tensors: by their names in LLaVA's model, `model.mm_projector.0.weight` and so on.
        lora: the changes of weights, see `Lora`.
        scaling: what their products count: W + scaling · B · A.
    """

    kind: Kind
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    lora: Lora = field(default_factory=dict)
    scaling: float = 0.0


def read_original(folder: Path) -> Original:
    """Read a checkpoint of LLaVA's own code.

    Raises:
        InputError: if the folder has none of the layouts, or a file of it cannot be read.
    """
    if not folder.is_dir():
        raise InputError(
            f"checkpoint must be a folder, but {str(folder)!r} is not. Check the path."
        )
    if (folder / "adapter_config.json").is_file():
        rank, alpha = _check_adapter(read_json(folder / "adapter_config.json"))
        factors = _read_first(folder, ("adapter_model.safetensors", "adapter_model.bin"))
        return Original(
            kind="lora",
            config=read_json(folder / "config.json"),
            tensors=plain_names(_read_first(folder, ("non_lora_trainables.bin",))),
            lora=pair_lora(plain_names(factors), rank),
            scaling=alpha / rank,
        )
    kind: Kind = "stage 1" if (folder / "mm_projector.bin").is_file() else "full"
    names = ("mm_projector.bin",) if kind == "stage 1" else WEIGHTS
    tensors = plain_names(_read_first(folder, names))
    return Original(kind=kind, config=read_json(folder / "config.json"), tensors=tensors)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a whole model in one or several files, without what old checkpoints add.

    They are mapped into memory, and so are read from the disk when they are used.

    Raises:
        InputError: if there are none, or a file cannot be read.
    """
    return plain_names(_read_first(folder, WEIGHTS))


def read_json(file: Path) -> dict[str, Any]:
    """A file with one JSON object.

    Raises:
        InputError: if it is missing or something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(file, error) from error
    if not isinstance(content, dict):
        raise _unreadable(file, "it holds no object")
    return content


def _check_adapter(about: Mapping[str, Any]) -> tuple[int, float]:
    """Rank and alpha of an adapter that is plain LoRA."""
    odd = [key for key, plain in PLAIN_LORA.items() if about.get(key) not in (None, plain)]
    if about.get("peft_type", "LORA") != "LORA" or odd:
        raise InputError(
            f"adapter must be plain LoRA, but adapter_config.json says "
            f"{first_few(f'{key} {about[key]!r}' for key in odd or ['peft_type'])}. "
            "Merge it with peft first, and convert the full model."
        )
    rank, alpha = about.get("r"), about.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, (int, float)):
        raise InputError(
            "adapter must have a rank and an alpha, but adapter_config.json says "
            f"r {rank!r} and lora_alpha {alpha!r}. Download the checkpoint again."
        )
    return rank, alpha


def _read_first(folder: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors in the first of these files that is there, or in the parts that it lists."""
    for name in names:
        if (folder / name).is_file():
            return _read_file(folder / name)
        if (folder / f"{name}.index.json").is_file():
            return _read_parts(folder / f"{name}.index.json")
    raise InputError(
        "checkpoint must be LoRA (adapter_config.json, adapter_model, non_lora_trainables.bin), "
        f"stage 1 (mm_projector.bin) or a full model (model.safetensors or pytorch_model.bin), but "
        f"{str(folder)!r} has no {' or '.join(names)}. Download all files of one checkpoint."
    )


def _read_parts(index: Path) -> dict[str, Tensor]:
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or any(Path(str(f)).name != f for f in files.values()):
        raise _unreadable(index, "it does not name files beside it")
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(files.values())):
        tensors |= _read_file(index.parent / name)
    return tensors


def _read_file(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        tensors = load_file(file) if file.suffix == ".safetensors" else _load_bin(file)
    except UnpicklingError as error:  # torch's message advises to run the code in the file
        raise _unreadable(file, "it holds something other than tensors") from error
    except Exception as error:  # damaged files raise nearly anything
        raise _unreadable(file, error) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise _unreadable(file, "it holds something other than tensors")
    return tensors


def _load_bin(file: Path) -> Any:
    """Tensors that torch saved; those in torch's old format are read into memory at once."""
    with file.open("rb") as opened:
        is_zip = opened.read(2) == b"PK"
    return torch.load(file, map_location="cpu", weights_only=True, mmap=is_zip)


def _unreadable(file: Path, why: Exception | str) -> InputError:
    reason = why if isinstance(why, str) else first_line(why)
    return InputError(
        f"{file.name} must be a whole file of a checkpoint, but {str(file)!r} is not ({reason}). "
        "Download it again."
    )
