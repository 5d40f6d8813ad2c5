"""A `MultiScale` as a folder or a repository of the Hugging Face hub.

`config.json` says how to build it. `model.safetensors` stands beside it where the backbone's
weights are not those that its source gives.
"""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from polyscale.errors import InputError, RunError, first_line, require
from polyscale.operator.backbones.blueprint import blueprint_of, build, has_source_weights
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.multiscale.config import MultiScaleConfig
from polyscale.types import Backbone

CONFIG, WEIGHTS, README = "config.json", "model.safetensors", "README.md"

CARD = """---
library_name: polyscale
---
Multi-scale features by polyscale: `polyscale.MultiScale.from_pretrained("<this repository>")`
"""


def save_folder(
    folder: Path, backbone: Backbone, config: MultiScaleConfig, *, frozen: bool
) -> None:
    """Write what `load_folder` reads; a README that is there already stays.

    Raises:
        InputError: if the backbone cannot be built again.
        MissingExtraError: if huggingface_hub or safetensors is not installed.
    """
    _require_packages()
    from safetensors.torch import save_file

    blueprint = blueprint_of(backbone)
    assert isinstance(backbone, ModelBackbone)  # others are refused
    folder.mkdir(parents=True, exist_ok=True)
    weights = None if has_source_weights(backbone) else WEIGHTS
    (folder / WEIGHTS).unlink(missing_ok=True)
    if weights:
        # copies, as safetensors refuses tensors that share memory
        state = {k: v.detach().cpu().contiguous().clone() for k, v in backbone.state_dict().items()}
        save_file(state, folder / weights)
    contents = {
        "polyscale_version": version("polyscale"),
        "backbone": blueprint,
        "operator": json.loads(config.to_json()),
        "frozen": frozen,
        "weights": weights,
    }
    (folder / CONFIG).write_text(json.dumps(contents, indent=2), encoding="utf-8")
    if not (folder / README).exists():
        (folder / README).write_text(CARD, encoding="utf-8")


def push_folder(
    save_to: Callable[[Path], None],
    repo: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    **options: Any,
) -> str:
    """Upload what `save_to` writes into a folder, and return the address of the commit."""
    _require_packages()
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    repo_id = api.create_repo(repo, private=private, exist_ok=True).repo_id
    with TemporaryDirectory() as folder:
        save_to(Path(folder))
        return str(api.upload_folder(repo_id=repo_id, folder_path=folder, **options))


def load_folder(folder_or_repo: str, **options: Any) -> tuple[Backbone, MultiScaleConfig, bool]:
    """What was given to `save_folder`. No code in the folder or repository is ever run.

    Raises:
        InputError: if it holds anything else.
        MissingExtraError: if huggingface_hub or safetensors is not installed.
        RunError: if the hub cannot be reached.
    """
    _require_packages()
    from huggingface_hub import snapshot_download

    try:
        folder = Path(folder_or_repo)
        if not folder.is_dir():
            files = [CONFIG, WEIGHTS]
            folder = Path(snapshot_download(folder_or_repo, allow_patterns=files, **options))
        return _read(folder)
    except (InputError, RunError):
        raise
    except OSError as error:
        raise RunError(
            f"{folder_or_repo} cannot be fetched ({first_line(error)}). Check the name, connect to "
            "the hub, or give a local folder."
        ) from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"folder_or_repo must hold what save_pretrained wrote, but {folder_or_repo} does not: "
            f"{first_line(error)}. Save it again."
        ) from error


def _require_packages() -> None:
    for package in ("huggingface_hub", "safetensors"):
        require(package, extra="hub", feature="saving and loading a MultiScale")


def _read(folder: Path) -> tuple[Backbone, MultiScaleConfig, bool]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    contents = json.loads(_file(folder, CONFIG).read_text(encoding="utf-8"))
    backbone = build(contents["backbone"], weights=contents["weights"] is None)
    if contents["weights"] is not None:
        try:
            state = load_file(_file(folder, WEIGHTS))
        except SafetensorError as error:
            raise ValueError(f"{WEIGHTS}: {first_line(error)}") from error
        backbone.load_state_dict(state, assign=True)  # in the dtype they were saved in
    config = MultiScaleConfig.from_json(json.dumps(contents["operator"]))
    return backbone, config, contents["frozen"]


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise InputError(
            f"folder_or_repo must hold what save_pretrained wrote, but {folder} has no {name}. "
            "Save it again."
        )
    return folder / name
