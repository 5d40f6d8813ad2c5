"""A multimodal recipe on the user's data: both stages of every candidate, and then V*."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, RunError, first_line
from polyscale.features import whole_file
from polyscale.studies.recipes.multimodal import (
    CATEGORIES,
    VSTAR,
    Arm,
    MultimodalRecipe,
    StageRecipe,
)
from polyscale.studies.recipes.recipe import weights_folder
from polyscale.types import Progress, silent

SCHEME = "llava"
"""What stands before the colon in `--data`."""

SETTINGS = {"steps": "max_steps", "dtype": "precision", "seed": "seed"}
"""Options of the command line → settings of the stages."""

FACTS = "recipe.json"

VSTAR_RUN = "vstar"
"""Folder of a candidate's answers, which `polyscale vstar compare` takes."""


@dataclass(frozen=True, kw_only=True)
class PreparedMultimodal:
    """A recipe together with the user's data, weights and choices.

    Attributes:
        recipe: the recipe.
        data: folder of conversations, pictures and V*.
        weights_dir: folder of local weights, or None for the hub.
        limit: questions of V* at most; None asks all.
        changes: settings of both stages that are not the recipe's.
        device: where V* is asked.
    """

    recipe: MultimodalRecipe
    data: Path
    weights_dir: Path | None = None
    limit: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"

    def model(self, arm: Arm) -> dict[str, Any]:
        """What stage 1 begins with, as arguments of `make_llava`."""
        return {
            "vision": self._at(arm.checkpoint.repository),
            "language": self._at(self.recipe.language.repository),
            "scales": list(arm.scales),
            "image_mode": self.recipe.image_mode,
        }

    def training(self, stage: StageRecipe) -> dict[str, Any]:
        """Data and settings of a stage, as `train_from_config` takes them."""
        return {
            "data": str(self.data / stage.conversations),
            "images": str(self.data / stage.images),
            **stage.training,
            **self.changes,
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the results depend on."""
        return {
            "recipe": self.recipe.name,
            "data": str(self.data),
            "weights_dir": str(self.weights_dir),
            "limit": self.limit,
            "changes": dict(self.changes),
        }

    def _at(self, repository: str) -> str:
        name = weights_folder(repository)
        return repository if self.weights_dir is None else str(self.weights_dir / name)


def prepare_multimodal(
    recipe: MultimodalRecipe,
    data: str,
    *,
    weights_dir: Path | None = None,
    limit: int | None = None,
    given: Mapping[str, Any] | None = None,
) -> PreparedMultimodal:
    """Find data and weights, and check the settings, before anything is loaded.

    Args:
        recipe: the recipe.
        data: `llava:PATH`, a folder as `polyscale recipe show` describes it.
        weights_dir: folder with one folder for each checkpoint, named like its repository without
            the owner; None takes them from the hub.
        limit: questions of V* at most.
        given: options of the command line: steps (of each stage), dtype, seed, device.

    Raises:
        InputError: if files or weights are missing, or an option breaks its rule.
        MissingExtraError: if a package is not installed.
    """
    from polyscale.language.training import LlavaTraining

    scheme, _, path = data.partition(":")
    if scheme != SCHEME or not path:
        raise InputError(
            f"data of recipe {recipe.name} must be {SCHEME}:PATH, but got {data!r}. "
            f"polyscale recipe show {recipe.name} says what the folder holds."
        )
    folder = Path(path).expanduser().resolve()
    needed = [stage.conversations for stage in recipe.stages] + [VSTAR]
    _check_there("data", folder, needed, f"polyscale recipe show {recipe.name} lists all.")
    if weights_dir is not None:
        weights_dir = weights_dir.expanduser().resolve()
        names = [recipe.language.folder, *(c.folder for c in recipe.checkpoints)]
        _check_there("weights-dir", weights_dir, names, "Download each repository there.")
    options = {name: value for name, value in (given or {}).items() if value is not None}
    prepared = PreparedMultimodal(
        recipe=recipe,
        data=folder,
        weights_dir=weights_dir,
        limit=limit,
        changes={own: options[name] for name, own in SETTINGS.items() if name in options},
        device=options.get("device", "auto"),
    )
    for stage in recipe.stages:
        LlavaTraining(**{**stage.training, **prepared.changes})
    return prepared


def run_multimodal(prepared: PreparedMultimodal, out: Path, *, progress: Progress = silent) -> None:
    """Train and judge every candidate; a run that was killed goes on.

    Args:
        prepared: what to run.
        out: folder with one folder for each candidate, and in it `stage-1`, `stage-2` and the run
            of V*, `vstar`.
        progress: told what is being done.

    Raises:
        InputError: if `out` holds anything else, or data break a rule.
        RunError: if weights cannot be fetched, or the disk refuses.
    """
    _claim(out, prepared.facts)
    for arm in prepared.recipe.arms:
        model = _train(prepared, arm, out / folder_of(arm), progress)
        _judge(prepared, arm, model, out / folder_of(arm) / VSTAR_RUN, progress)


def right_shares(out: Path, arm: Arm) -> dict[str, float]:
    """What a finished run found: benchmark by the paper's name → share of right answers, 0 to 1."""
    file = out / folder_of(arm) / VSTAR_RUN / "results.json"
    (row,) = json.loads(file.read_text(encoding="utf-8"))
    return {name: row["scores"][key] for name, key in CATEGORIES.items() if key in row["scores"]}


def folder_of(arm: Arm) -> str:
    """`clip-vit-large-patch14-336@1,2,3`."""
    return f"{arm.checkpoint.folder}@{','.join(f'{scale:g}' for scale in arm.scales)}"


def _train(prepared: PreparedMultimodal, arm: Arm, out: Path, progress: Progress) -> str:
    """The folder of the model after all stages."""
    from polyscale.language.training import train_from_config

    model: Any = prepared.model(arm)
    for stage in prepared.recipe.stages:
        folder = out / stage.name.replace(" ", "-")
        if not (folder / "model").is_dir():
            step = _named(f"{arm}, {stage.name}", progress)
            options = {"model": model, "out": str(folder), **prepared.training(stage)}
            train_from_config(options, progress=step)
        model = str(folder / "model")
    return str(model)


def _judge(
    prepared: PreparedMultimodal, arm: Arm, model: str, out: Path, progress: Progress
) -> None:
    from polyscale.studies.vstar import VstarSettings, plan_vstar, run_vstar

    if not out.is_dir():
        plan = plan_vstar(
            model,
            str(prepared.data / VSTAR),
            VstarSettings(protocol=prepared.recipe.protocol, device=prepared.device),  # type: ignore[arg-type]
            name=f"{prepared.recipe.language.folder}+{arm.checkpoint.folder}",
            limit=prepared.limit,
        )
        run_vstar(plan, out, progress=_named(str(arm), progress))


def _named(what: str, progress: Progress) -> Progress:
    """Progress whose steps say which candidate they are of."""

    def named(step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        progress(f"{what}: {step}", done, total, unit, note=note)

    return named


def _claim(out: Path, facts: Mapping[str, Any]) -> None:
    """Make the folder of the run, or find that it is of this very run."""
    try:
        if not out.exists() or not any(out.iterdir()):
            with whole_file(out / FACTS) as partial:
                partial.write_text(json.dumps(facts, indent=2), encoding="utf-8")
        there = json.loads((out / FACTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise InputError(
            f"out must be a new folder, but {str(out)!r} holds other files. Choose another."
        ) from error
    except OSError as error:
        raise RunError(
            f"out {str(out)!r} cannot be written ({first_line(error)}). Choose another folder."
        ) from error
    changed = [key for key, value in facts.items() if there.get(key) != value]
    if changed:
        raise InputError(
            f"out must be a new folder, but {str(out)!r} holds another run (it differs in "
            f"{' and '.join(changed)}). Choose another, or delete it first."
        )


def _check_there(argument: str, folder: Path, names: list[str], advice: str) -> None:
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise InputError(
            f"{argument} must hold {' and '.join(names)}, but {str(folder)!r} has no "
            f"{', '.join(missing)}. {advice}"
        )
