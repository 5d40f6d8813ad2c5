"""A multimodal model and its processor from a folder or a hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoConfig, AutoProcessor, LlavaForConditionalGeneration

from polyscale.checks import check_choice
from polyscale.errors import InputError, first_line
from polyscale.language.weights import check_weights, no_bars
from polyscale.operator.backbones.loading import fetching, local_folder

DTYPES: dict[str, Any] = {
    "auto": "auto",
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""Data types of weights, by name; auto is the one in which they were saved."""

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")


def load_llava(source: str, *, device: str = "cpu", dtype: str = "auto") -> tuple[Any, Any]:
    """A `LlavaForConditionalGeneration` in evaluation mode, and its processor.

    Args:
        source: a folder, or a name on the Hugging Face hub, perhaps with `hf:` before it.
        device: where it runs.
        dtype: of its weights, a name in `DTYPES`.

    Raises:
        InputError: if there is no such model, it is of another kind, has no processor,
            or lacks weights.
        RunError: if the weights cannot be fetched.
    """
    check_choice("dtype", dtype, tuple(DTYPES))
    name = source.removeprefix("hf:")
    folder = local_folder(name)
    if folder and not any((folder / file).is_file() for file in PROCESSOR_FILES):
        raise InputError(
            f"model {source!r} must be a folder with a processor, but has no {PROCESSOR_FILES[0]}. "
            "Save the processor into it as well: processor.save_pretrained(FOLDER)."
        )
    name = str(folder or name)
    with fetching(source, "a local folder."), no_bars():
        with _reading(source, is_folder=folder is not None):
            config = AutoConfig.from_pretrained(name)
        _check_kind(source, config)
        with _reading(source, is_folder=folder is not None):
            processor = AutoProcessor.from_pretrained(name)
            model, found = LlavaForConditionalGeneration.from_pretrained(
                name, dtype=DTYPES[dtype], output_loading_info=True, ignore_mismatched_sizes=True
            )
    check_weights(source, found)
    return model.to(device).eval(), processor


@contextmanager
def _reading(source: str, *, is_folder: bool) -> Iterator[None]:
    """What transformers cannot read becomes one line; damaged files raise nearly anything."""
    try:
        yield
    except Exception as error:
        if not (is_folder or isinstance(error, ValueError)):
            raise
        raise InputError(
            f"model {source!r} must be one of transformers with its processor, but cannot be "
            f"read ({first_line(error)}). Check the folder."
        ) from error


def _check_kind(source: str, config: Any) -> None:
    if config.model_type != "llava":
        raise InputError(
            f"model {source!r} must be a LLaVA of transformers, but is a {config.model_type!r}. "
            "Convert it, or choose another model."
        )
