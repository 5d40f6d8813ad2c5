"""A training from options by name, as a TOML file has them."""

from collections.abc import Mapping
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

from transformers import set_seed

from polyscale.data import default_inspection_cache
from polyscale.errors import InputError, check_options
from polyscale.language.llava import make_llava
from polyscale.language.loading import load_llava
from polyscale.language.training.conversations import load_conversations
from polyscale.language.training.folder import TrainedLlava
from polyscale.language.training.settings import LlavaTraining
from polyscale.language.training.train import train_llava
from polyscale.types import Progress, silent

NEEDED = ("model", "data", "out")

OTHERS = ("images", "cache")


def train_from_config(options: Mapping[str, Any], *, progress: Progress = silent) -> TrainedLlava:
    """Train what a file asks for.

    Args:
        options: `model`, a folder or the arguments of `make_llava`; `data` and perhaps `images`, as
            `load_conversations` takes them; `out` and perhaps `cache`, as `train_llava` does; and
            the fields of `LlavaTraining`.
        progress: told what is being done.

    Raises:
        InputError: if an option is missing, unknown, or breaks its rule, before a model is loaded;
            and where the functions named above do.
    """
    settings = _settings(options)
    data = load_conversations(
        options["data"],
        images=options.get("images"),
        cache=default_inspection_cache(),
        progress=progress,
    )
    set_seed(settings.seed)  # of the weights of a new projector, so that a killed run continues
    llava, processor = _model(options["model"])
    return train_llava(
        llava,
        processor,
        data,
        out=options["out"],
        settings=settings,
        cache=options.get("cache"),
        progress=progress,
    )


def _settings(options: Mapping[str, Any]) -> LlavaTraining:
    own = (*NEEDED, *OTHERS)
    known = (*own, *(each.name for each in fields(LlavaTraining)))
    check_options(options, known, of="a training")
    for name in own:
        kinds = (str, Mapping) if name == "model" else (str, Path)
        if not isinstance(options.get(name, None if name in NEEDED else ""), kinds):
            raise InputError(
                f"{name} of a training must be text, but got {options.get(name)!r}. "
                f'Example: {name} = "{EXAMPLES[name]}"'
            )
    return LlavaTraining(**{n: value for n, value in options.items() if n not in own})


EXAMPLES = {
    "model": "runs/stage-1/model",
    "data": "needles",
    "out": "runs/stage-2",
    "images": "coco/train2017",
    "cache": "features",
}
"""Of options, as errors show them."""


def _model(source: str | Mapping[str, Any]) -> tuple[Any, Any]:
    """The LLaVA and its processor, from a folder or from its parts."""
    if isinstance(source, Mapping):
        try:
            signature(make_llava).bind(**source)
        except TypeError as error:
            raise InputError(
                f"model must hold arguments of make_llava, but {error}. "
                'Example: [model] vision = "pip:efficientnet_lite0", language = "pip:smollm2_135m"'
            ) from error
        for name in ("vision", "language"):
            if not isinstance(source[name], str):
                raise InputError(
                    f"{name} of model must be text, but got {source[name]!r}. "
                    'Example: vision = "pip:efficientnet_lite0", language = "pip:smollm2_135m"'
                )
        return make_llava(**source)
    return load_llava(source)
