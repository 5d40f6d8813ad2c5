"""Checkpoints of LLaVA's own code: what their folders hold, and their names of tensors.

Three layouts are read. Everything in them is data: no file can run code.

- LoRA: `adapter_config.json`, `adapter_model.safetensors` or `.bin`, and `non_lora_trainables.bin`
  with the projector. The language model is another folder.
- Stage 1: `mm_projector.bin` with the projector. The language model is another folder.
- Full: the weights of language model and projector, in one file or several.

Each has a `config.json` beside it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from torch import Tensor

from polyscale.errors import InputError, first_line

Kind = Literal["lora", "stage 1", "full"]

PREFIXES = {
    "model.multi_modal_projector.linear_1.": "model.mm_projector.0.",
    "model.multi_modal_projector.linear_2.": "model.mm_projector.2.",
    "model.vision_tower.backbone.": "model.vision_tower.vision_tower.vision_model.",
    "model.language_model.": "model.",
}
"""How names begin in transformers' LLaVA with a tower of several scales → in the original."""

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files of a whole model; `.index.json` after the name lists the files of one in several parts."""

UNUSED = re.compile(r"rotary_emb\.inv_freq$|embeddings\.position_ids$")
"""Constants that old checkpoints keep, and that transformers computes."""

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
        folder: where it is.
        kind: its layout.
        config: its `config.json`.
        tensors: by their names in LLaVA's model, `model.mm_projector.0.weight` and so on.
        lora: name of a weight → the factors A (rank, in) and B (out, rank) of its change.
        scaling: factor of the change: W + scaling · B · A.
    """

    folder: Path
    kind: Kind
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    lora: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    scaling: float = 0.0


def read_original(folder: Path) -> Original:
    """Read a checkpoint of LLaVA's own code.

    Raises:
        InputError: if the folder has none of the layouts, or a file of it cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"checkpoint must be a folder, but {str(folder)!r} is not. Check the path.")
    if (folder / "adapter_config.json").is_file():
        about = read_json(folder / "adapter_config.json")
        rank, alpha = _check_adapter(about)
        return Original(
            folder=folder,
            kind="lora",
            config=read_json(folder / "config.json"),
            tensors=plain_names(_read_first(folder, ("non_lora_trainables.bin",))),
            lora=pair_lora(
                plain_names(_read_first(folder, ("adapter_model.safetensors", "adapter_model.bin"))),
                rank,
            ),
            scaling=alpha / rank,
        )
    kind: Kind = "stage 1" if (folder / "mm_projector.bin").is_file() else "full"
    names = ("mm_projector.bin",) if kind == "stage 1" else WEIGHTS
    tensors = plain_names(_read_first(folder, names))
    return Original(
        folder=folder, kind=kind, config=read_json(folder / "config.json"), tensors=tensors
    )


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
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    if not isinstance(content, dict):
        raise _unreadable(file, "it holds no object")
    return content


def original_name(name: str) -> str:
    """The original's name of a tensor of transformers' model.

    >>> original_name("model.language_model.layers.0.mlp.up_proj.weight")
    'model.layers.0.mlp.up_proj.weight'
    """
    for prefix, original in PREFIXES.items():
        if name.startswith(prefix):
            return original + name.removeprefix(prefix)
    return name


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors without the prefixes that peft adds to their names, and without constants."""
    return {_plain(name): t for name, t in tensors.items() if not UNUSED.search(name)}


def pair_lora(tensors: Mapping[str, Tensor], rank: int) -> dict[str, tuple[Tensor, Tensor]]:
    """The two factors of each weight that an adapter changes.

    Args:
        tensors: of the adapter, by plain names.
        rank: of all factors.

    Raises:
        InputError: if a factor is missing or has another rank, or there are other tensors.
    """
    factors: dict[str, dict[str, Tensor]] = {}
    problems = []
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(.+)\.lora_([AB])(?:\.default)?\.weight", name)
        if match is None:
            problems.append(f"{name} is no factor of LoRA")
        elif tensor.ndim != 2 or tensor.shape[0 if match[2] == "A" else 1] != rank:
            problems.append(f"{name} has the shape {list(tensor.shape)} instead of rank {rank}")
        else:
            factors.setdefault(f"{match[1]}.weight", {})[match[2]] = tensor
    for name, pair in factors.items():
        problems += [f"{name} has no lora_{letter}" for letter in "AB" if letter not in pair]
    if problems or not factors:
        raise InputError(
            f"adapter must hold two factors for each weight that it changes, but "
            f"{shorten(problems) or 'it is empty'}. Download the checkpoint again."
        )
    return {name: (pair["A"], pair["B"]) for name, pair in factors.items()}


def merge_lora(weight: Tensor, factors: tuple[Tensor, Tensor], scaling: float) -> Tensor:
    """W + scaling · B · A, in float32.

    Args:
        weight: (out, in).
        factors: A (rank, in) and B (out, rank).
        scaling: alpha / rank.
    """
    a, b = (factor.float() for factor in factors)
    return weight.float().addmm(b, a, alpha=scaling)


def shorten(texts: Iterable[str], most: int = 4) -> str:
    """`a, b, c, d and 9 more`."""
    texts = list(texts)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _plain(name: str) -> str:
    """`base_model.model.model.mm_projector.0.bias` → `model.mm_projector.0.bias`."""
    name = name.removeprefix("base_model.")
    for prefix in ("model.model.", "model.lm_head."):
        if name.startswith(prefix):
            return name.removeprefix("model.")
    return name


def _check_adapter(about: Mapping[str, Any]) -> tuple[int, float]:
    """Rank and alpha of an adapter that is plain LoRA."""
    odd = [key for key, plain in PLAIN_LORA.items() if about.get(key) not in (None, plain)]
    if about.get("peft_type", "LORA") != "LORA" or odd:
        raise InputError(
            f"adapter must be plain LoRA, but adapter_config.json says "
            f"{shorten(f'{key} {about[key]!r}' for key in odd or ['peft_type'])}. "
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
        f"checkpoint must be LoRA (adapter_config.json, adapter_model and non_lora_trainables.bin), "
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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(file) if file.suffix == ".safetensors" else _load_bin(file)
    except (OSError, RuntimeError, ValueError, UnpicklingError, SafetensorError) as error:
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
