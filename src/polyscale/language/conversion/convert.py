"""An original checkpoint, a language model and a vision model → one folder of transformers.

The folder is written part by part. At no time are more weights in memory than those of one part
and the tower, so that a model of 13 billion parameters needs a few GB.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer

from polyscale.errors import InputError, MissingExtraError, RunError, first_line, require
from polyscale.features import whole_folder
from polyscale.language.conversion.config import empty_language_model, image_mode_of, sizes_of
from polyscale.language.conversion.files import Original, read_json, read_original, read_weights
from polyscale.language.conversion.tensors import check_tensors, finish_tensor, original_name
from polyscale.language.llava import make_llava
from polyscale.learning.training import room_for
from polyscale.types import Progress, silent

PART = "5GB"
"""Most bytes of a file of weights, as transformers writes them."""

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""A folder with a tokenizer has one of them; without them, transformers makes an empty one."""


def convert_llava(
    checkpoint: Path,
    *,
    vision: Path,
    out: Path,
    base: Path | None = None,
    progress: Progress = silent,
) -> None:
    """Write an original checkpoint of LLaVA, with or without S², as a folder of transformers.

    It has model and processor; `LlavaForConditionalGeneration.from_pretrained` reads it after
    `import polyscale.language`. LoRA is merged into the language model. The type of the weights is
    that of the language model.

    Args:
        checkpoint: folder of LLaVA's own code, see `polyscale.language.conversion.files`.
        vision: folder of the vision model as transformers saves it, with its image processor.
        out: new folder.
        base: folder of the language model and its tokenizer; a full checkpoint has its own.
        progress: told what is being done.

    Raises:
        InputError: if the folders hold something else or do not belong together; tensors that are
            missing, that belong to nothing or have another shape are named.
        RunError: if there is too little room, or the disk refuses. Nothing is left behind.
    """
    if out.exists():
        raise InputError(f"out must be a new folder, but {str(out)!r} exists. Choose another.")
    original = read_original(checkpoint)
    weights = _language_weights(original, base)
    model, processor = _empty_llava(original, base or checkpoint, vision, weights)
    parts = {**_vision_weights(model), **weights, **original.tensors}
    expected = model.state_dict()
    if model.config.tie_word_embeddings:
        del expected["lm_head.weight"]
    check_tensors(parts, expected, original.lora)
    num_bytes = sum(t.numel() * t.element_size() for t in expected.values())
    with room_for(out.absolute().parent, num_bytes, out), whole_folder(out) as folder:
        model.config.save_pretrained(folder)
        model.generation_config.save_pretrained(folder)
        processor.save_pretrained(folder)
        _write(folder, parts, original, expected, progress)


def _language_weights(original: Original, base: Path | None) -> dict[str, Tensor]:
    """Of the language model; a full checkpoint has them itself."""
    if original.kind == "full":
        return {}
    if base is None:
        raise InputError(
            f"base must be the folder of the language model for a {original.kind} checkpoint, but "
            "is missing. The original's config.json or adapter_config.json says which it is."
        )
    return read_weights(base)


def _empty_llava(
    original: Original, language: Path, vision: Path, weights: Mapping[str, Tensor]
) -> tuple[Any, Any]:
    """Model and processor; only the tower has weights, the rest takes no memory."""
    config, image_mode = original.config, image_mode_of(original.config)
    with _reading("base" if weights else "checkpoint", language):
        if not any((language / name).is_file() for name in TOKENIZERS):
            raise FileNotFoundError(f"it has no {' or '.join(TOKENIZERS)}")
        if not (language / "tokenizer.json").is_file():
            require("sentencepiece", extra="language", feature="The tokenizer of base")
        tokenizer = AutoTokenizer.from_pretrained(str(language))
        language_model = empty_language_model(
            read_json(language / "config.json"), {**weights, **original.tensors}, len(tokenizer)
        )
    sizes = sizes_of(config)
    with _reading("vision", vision):
        model, processor = make_llava(
            vision=f"hf:{vision}",
            language=(language_model, tokenizer),
            sizes=sizes,
            scales=None if sizes else (1,),
            image_mode=image_mode,
            vision_feature_layer=config.get("mm_vision_select_layer", -2),
            antialias=False,  # as LLaVA's own tower resizes
        )
    return model.to(language_model.dtype), processor


def _vision_weights(model: Any) -> dict[str, Tensor]:
    named = model.model.vision_tower.state_dict(prefix="model.vision_tower.")
    return {original_name(name): tensor for name, tensor in named.items()}


@contextmanager
def _reading(argument: str, folder: Path) -> Iterator[None]:
    """What a folder of transformers lacks becomes an error of the user."""
    if not folder.is_dir():
        raise InputError(
            f"{argument} must be a folder, but {str(folder)!r} is not. Check the path."
        )
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except (OSError, RunError, ValueError, KeyError, TypeError, ImportError) as error:
        raise InputError(
            f"{argument} must be a model as transformers saves it, but {str(folder)!r} cannot be "
            f"read ({first_line(error)}). Download all its files."
        ) from error


def _write(
    folder: Path,
    parts: Mapping[str, Tensor],
    original: Original,
    expected: dict[str, Tensor],
    progress: Progress,
) -> None:
    """Finish and write the weights, one file after the other."""
    plan = split_torch_state_dict_into_shards(expected, max_shard_size=PART)
    total = len(plan.filename_to_tensors)
    for number, (file, names) in enumerate(plan.filename_to_tensors.items()):
        progress("write", number, total, "files")
        tensors = {
            name: finish_tensor(
                name, expected[name], tensors=parts, lora=original.lora, scaling=original.scaling
            )
            for name in names
        }
        save_file(tensors, folder / file, metadata={"format": "pt"})
    progress("write", total, total, "files")
    if plan.is_sharded:
        index = {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
