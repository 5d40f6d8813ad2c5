"""An original checkpoint of LLaVA with S², a language model and a tower → one folder of transformers.

The folder is written part by part. At no time are more weights in memory than those of one part
and the tower, so that a model of 13 billion parameters needs a few GB.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoTokenizer

from polyscale.errors import InputError, RunError, first_line
from polyscale.features import temporary_folder
from polyscale.language.config import ImageMode
from polyscale.language.llava import VOCABULARY_STEP, make_llava
from polyscale.language.original import (
    Original,
    merge_lora,
    original_name,
    read_json,
    read_original,
    read_weights,
    shorten,
)
from polyscale.types import Progress, silent

PART = "5GB"
"""Most bytes of a file of weights, as transformers writes them."""

EMBEDDINGS = ("model.embed_tokens.weight", "lm_head.weight")
"""Tensors with a row for each token, by original names."""

NEEDED: Mapping[str, Any] = {
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_feature": "patch",
    "mm_use_im_start_end": False,
    "mm_use_im_patch_token": False,
    "mm_patch_merge_type": "flat",
}
"""Keys of an original `config.json` → the value that they have, unless they are missing."""

NOT_LANGUAGE = ("model_type", "architectures", "transformers_version", "dtype", "torch_dtype")
"""Of an original `config.json`: not handed on to the language model's."""

NEW_TOKENS = 2
"""For a picture and for padding."""

LANGUAGES = {"llava": "llama", "llava_llama": "llama", "llava_mistral": "mistral"}
"""`model_type` of a whole original → that of its language model."""


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
        checkpoint: folder of LLaVA's own code, see `polyscale.language.original`.
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
    try:
        with _new_folder(out, num_bytes) as folder:
            model.config.save_pretrained(folder)
            model.generation_config.save_pretrained(folder)
            processor.save_pretrained(folder)
            _write(folder, parts, original, expected, progress)
    except OSError as error:
        raise RunError(
            f"out {str(out)!r} cannot be written ({first_line(error)}). "
            "Make room, or choose another folder."
        ) from error


def check_tensors(
    found: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    lora: Mapping[str, tuple[Tensor, Tensor]],
) -> None:
    """Compare names and shapes of tensors; embeddings may have fewer rows than the model.

    Args:
        found: by original names.
        expected: by the names of transformers.
        lora: by original names of weights.

    Raises:
        InputError: naming those that are missing, belong to nothing or have another shape.
    """
    wanted = {original_name(name): tuple(tensor.shape) for name, tensor in expected.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    wrong = {n: s for n, s in shapes.items() if n in wanted and not _fits(n, s, wanted[n])}
    changed = {name: (b.shape[0], a.shape[1]) for name, (a, b) in lora.items()}
    bad_lora = {n: s for n, s in changed.items() if n in wanted and s != wanted[n]}
    problems = {
        "is without": [name for name in wanted if name not in shapes],
        "has what belongs to nothing:": [n for n in (*shapes, *changed) if n not in wanted],
        "has other shapes:": [
            *(f"{name} {list(shape)} instead of {list(wanted[name])}" for name, shape in wrong.items()),
            *(f"LoRA of {n} {list(s)} instead of {list(wanted[n])}" for n, s in bad_lora.items()),
        ],
    }
    told = [f"{what} {shorten(names)}" for what, names in problems.items() if names]
    if told:
        raise InputError(
            f"checkpoint must hold the tensors of its model, but {'; it '.join(told)}. "
            "Check that checkpoint, base and vision belong together."
        )


def _fits(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape is right; rows of embeddings may be missing."""
    if name in EMBEDDINGS:
        return len(shape) == 2 and shape[0] <= wanted[0] and shape[1] == wanted[1]
    return shape == wanted


def finish_tensor(
    name: str, tensors: Mapping[str, Tensor], original: Original, like: Tensor
) -> Tensor:
    """A tensor of the new model: LoRA merged, rows for new tokens added, in the model's type.

    New rows are the mean of the others. So the score of a token that was never trained is the
    mean of all scores, and it is never the best.

    Args:
        name: in transformers' model.
        tensors: by original names.
        original: the checkpoint, with LoRA.
        like: of the shape and type that are wanted.
    """
    old = original_name(name)
    tensor = tensors[old]
    if old in original.lora:
        tensor = merge_lora(tensor, original.lora[old], original.scaling)
    missing = len(like) - len(tensor) if like.ndim else 0
    if missing:
        mean = tensor.float().mean(dim=0, keepdim=True)
        tensor = torch.cat([tensor, mean.expand(missing, -1).to(tensor)])
    return tensor.to(like.dtype).contiguous()


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
    config, image_mode = original.config, _image_mode(original.config)
    with _reading("base" if weights else "checkpoint", language):
        tokenizer = AutoTokenizer.from_pretrained(str(language))
        language_model = _empty_language_model(
            read_json(language / "config.json"), {**weights, **original.tensors}, len(tokenizer)
        )
    sizes = _sizes(config)
    with _reading("vision", vision):
        model, processor = make_llava(
            vision=f"hf:{vision}",
            language=language_model,
            tokenizer=tokenizer,
            sizes=sizes,
            scales=None if sizes else (1,),
            image_mode=image_mode,
            vision_feature_layer=config.get("mm_vision_select_layer", -2),
            antialias=False,  # as LLaVA's own tower resizes
        )
    return model.to(language_model.dtype), processor


def _empty_language_model(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], num_tokens: int
) -> Any:
    """The language model without memory, with room for the tokens of pictures and padding."""
    kind = LANGUAGES.get(config.get("model_type", ""), config.get("model_type", ""))
    if kind not in CONFIG_MAPPING:
        raise InputError(
            f"model_type must be one that transformers knows, but config.json says {kind!r}. "
            "Give the folder of the language model as base."
        )
    known = CONFIG_MAPPING[kind]()
    language = type(known)(
        **{k: v for k, v in config.items() if hasattr(known, k) and k not in NOT_LANGUAGE}
    )
    rows = num_tokens + NEW_TOKENS
    if rows > language.vocab_size:
        language.vocab_size = -(-rows // VOCABULARY_STEP) * VOCABULARY_STEP
    embeddings = tensors.get("model.embed_tokens.weight", torch.empty(0))
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(language, dtype=embeddings.dtype)


def _sizes(config: Mapping[str, Any]) -> list[int] | None:
    """Sides of the scales in pixels; None for LLaVA without S²."""
    if not config.get("s2"):
        return None
    text = config.get("s2_scales")
    try:
        return sorted(int(size) for size in str(text).split(","))
    except ValueError as error:
        raise InputError(
            f"s2_scales must be sizes such as '336,672,1008', but config.json says {text!r}. "
            "Download it again."
        ) from error


def _image_mode(config: Mapping[str, Any]) -> ImageMode:
    """What LLaVA's code does to pictures, where transformers' LLaVA can do the rest as well."""
    for key, needed in NEEDED.items():
        if config.get(key, needed) != needed:
            raise InputError(
                f"{key} must be {needed!r} for transformers' LLaVA, but config.json says "
                f"{config[key]!r}. Such a checkpoint cannot be converted."
            )
    aspect = config.get("image_aspect_ratio")
    if aspect in ("anyres", "anyres_max"):
        raise InputError(
            f"image_aspect_ratio must be of one picture, but config.json says {aspect!r}. That is "
            "LLaVA-NeXT, which cannot be converted."
        )
    return "pad" if aspect == "pad" else "crop"  # its code crops with any other name


def _vision_weights(model: Any) -> dict[str, Tensor]:
    named = model.model.vision_tower.state_dict(prefix="model.vision_tower.")
    return {original_name(name): tensor for name, tensor in named.items()}


@contextmanager
def _reading(argument: str, folder: Path) -> Iterator[None]:
    """What a folder of transformers lacks becomes an error of the user."""
    if not folder.is_dir():
        raise InputError(f"{argument} must be a folder, but {str(folder)!r} is not. Check the path.")
    try:
        yield
    except InputError:
        raise
    except (OSError, RunError, ValueError, KeyError, TypeError, ImportError) as error:
        raise InputError(
            f"{argument} must be a model as transformers saves it, but {str(folder)!r} cannot be "
            f"read ({first_line(error)}). Download all its files."
        ) from error


@contextmanager
def _new_folder(out: Path, num_bytes: int) -> Iterator[Path]:
    """A folder that becomes `out` at the end, or vanishes.

    Raises:
        OSError: if the disk refuses.
    """
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(parent).free
    if num_bytes > free:
        raise RunError(
            f"out needs {_gigabytes(num_bytes)} on the disk, but {str(parent)!r} has {_gigabytes(free)} "
            "left. Make room, or choose another folder."
        )
    with temporary_folder(parent, prefix=f".{out.name}-") as temporary:
        folder = temporary / "model"
        folder.mkdir()
        yield folder
        os.replace(folder, out)  # noqa: PTH105 - atomic


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
        tensors = {n: finish_tensor(n, parts, original, expected[n]) for n in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
    progress("write", total, total, "files")
    if plan.is_sharded:
        index = {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB"
