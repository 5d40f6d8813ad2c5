"""A `MultiScale` as a folder or a repository of the Hugging Face hub.

`config.json` says how to build it. `model.safetensors` stands beside it where the backbone's
weights are not those that its source gives.
"""

import json
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyscale.errors import InputError, RunError, first_line, require
from polyscale.operator.backbones.blueprint import blueprint_of, build, has_source_weights
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.multiscale.config import MultiScaleConfig

if TYPE_CHECKING:
    from polyscale.operator.multiscale.module import MultiScale

CONFIG, WEIGHTS = "config.json", "model.safetensors"

CARD = """---
{{ card_data }}
---
Multi-scale features by polyscale: `polyscale.MultiScale.from_pretrained("<this repository>")`
"""


def save_pretrained(multiscale: "MultiScale", folder: str | Path) -> None:
    """Write what `from_pretrained` needs.

    The weights of a backbone that was loaded by its name are not copied while they are frozen and
    as they were loaded, which loads them once more to compare.

    Args:
        multiscale: on a backbone of `polyscale.load`, or a live model of timm or transformers.
        folder: made where it is missing.

    Raises:
        InputError: if the backbone cannot be built again.
        MissingExtraError: if huggingface_hub or safetensors is not installed.
    """
    _hub_model()(multiscale).save_pretrained(folder)


def push_to_hub(multiscale: "MultiScale", repo: str, **options: Any) -> str:
    """Save it as a repository of the Hugging Face hub.

    Args:
        multiscale: as for `save_pretrained`.
        repo: for example `"user/name"`.
        options: of `huggingface_hub.ModelHubMixin.push_to_hub`, for example `private=True`.

    Returns:
        The address of the commit.
    """
    return str(_hub_model()(multiscale).push_to_hub(repo, **options))


def from_pretrained(
    kind: "type[MultiScale]", folder_or_repo: str | Path, **options: Any
) -> "MultiScale":
    """What `save_pretrained` or `push_to_hub` wrote, in evaluation mode.

    Args:
        kind: the class itself.
        folder_or_repo: a folder, or a repository of the Hugging Face hub.
        options: of `huggingface_hub.ModelHubMixin.from_pretrained`, for example `revision="v1"`.

    Raises:
        InputError: if it holds anything else. No code in it is ever run.
        MissingExtraError: if a package is not installed.
        RunError: if the hub cannot be reached.
    """
    try:
        return _hub_model().from_pretrained(folder_or_repo, kind=kind, **options).multiscale
    except (InputError, RunError):
        raise
    except OSError as error:
        raise RunError(
            f"{folder_or_repo} cannot be fetched ({first_line(error)}). Check the name, connect to "
            "the hub, or give a local folder."
        ) from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _foreign(folder_or_repo, error) from error


def _foreign(where: object, error: Exception) -> InputError:
    return InputError(
        f"folder_or_repo must hold what save_pretrained wrote, but {where} does not: "
        f"{first_line(error)}. Save it again."
    )


@cache
def _hub_model() -> Any:
    """The class of huggingface_hub's kind, which is imported only here."""
    for package in ("huggingface_hub", "safetensors"):
        require(package, extra="hub", feature="saving and loading a MultiScale")
    import huggingface_hub

    class HubModel(
        huggingface_hub.ModelHubMixin, model_card_template=CARD, library_name="polyscale"
    ):
        """Holds a `MultiScale`, which so stays a plain module."""

        def __init__(self, multiscale: "MultiScale") -> None:
            self.multiscale = multiscale

        def _save_pretrained(self, save_directory: Path) -> None:
            _write(self.multiscale, save_directory)

        @classmethod
        def _from_pretrained(
            cls,
            *,
            model_id: str,
            revision: str | None,
            cache_dir: str | Path | None,
            force_download: bool,
            local_files_only: bool,
            token: str | bool | None,
            **options: Any,
        ) -> "HubModel":
            if (folder := Path(model_id)).is_dir():
                return cls(_read(options["kind"], partial(_local_file, folder)))
            download = partial(
                huggingface_hub.hf_hub_download,
                model_id,
                revision=revision,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
                token=token,
            )
            return cls(_read(options["kind"], download))

    return HubModel


def _local_file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise InputError(
            f"folder_or_repo must hold what save_pretrained wrote, but {folder} has no {name}. "
            "Save it again."
        )
    return folder / name


def _write(multiscale: "MultiScale", folder: Path) -> None:
    from safetensors.torch import save_file

    backbone = multiscale.backbone
    blueprint = blueprint_of(backbone)
    assert isinstance(backbone, ModelBackbone)  # others are refused
    weights = None if has_source_weights(backbone) else WEIGHTS
    (folder / WEIGHTS).unlink(missing_ok=True)
    if weights:
        # copies, as safetensors refuses tensors that share memory
        state = {k: v.detach().cpu().contiguous().clone() for k, v in backbone.state_dict().items()}
        save_file(state, folder / weights)
    found = {
        "polyscale_version": version("polyscale"),
        "backbone": blueprint,
        "operator": json.loads(multiscale.config.to_json()),
        "frozen": multiscale.frozen,
        "weights": weights,
    }
    (folder / CONFIG).write_text(json.dumps(found, indent=2), encoding="utf-8")


def _read(kind: "type[MultiScale]", file: Callable[[str], str | Path]) -> "MultiScale":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    found = json.loads(Path(file(CONFIG)).read_text(encoding="utf-8"))
    backbone = build(found["backbone"], weights=found["weights"] is None)
    if found["weights"] is not None:
        try:
            state = load_file(file(WEIGHTS))
        except SafetensorError as error:
            raise ValueError(f"{WEIGHTS}: {first_line(error)}") from error
        backbone.load_state_dict(state, assign=True)  # in the dtype they were saved in
    config = MultiScaleConfig.from_json(json.dumps(found["operator"]))
    return kind(backbone, config=config, frozen=found["frozen"]).eval()
