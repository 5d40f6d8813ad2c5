"""What a user wants to compare → candidates by name, and the live models behind some of them."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from itertools import chain, count
from typing import Any, TypeAlias

from torch import Tensor, nn

from polyscale.errors import InputError
from polyscale.features import live_hash
from polyscale.operator.backbones import as_backbone, model_dtype_device
from polyscale.operator.multiscale import MultiScale, MultiScaleConfig
from polyscale.types import Backbone, Candidate

OwnModel: TypeAlias = "MultiScale | Backbone | nn.Module | Callable[[Tensor], Any]"
"""A model as an object, with its scales if it is a `MultiScale`; others run at scale 1."""

Names: TypeAlias = Mapping[str, "OwnModel | Sequence[OwnModel]"]
"""The name of a model → the model, or the same model at several sets of scales."""

Candidates: TypeAlias = "str | Candidate | OwnModel | Names | Sequence[str | Candidate | Any]"
"""One candidate or a sequence of them: `SOURCE@SCALES`, models, mappings from names to models."""

NOT_COMPARED = ("scales", "tile_batch", "compile", "checkpoint", "distributed")
"""Choices of a `MultiScale` that a run need not share, because they change no feature."""


@dataclass(frozen=True)
class LiveModel:
    """A model that the user gave as an object, and the `live_hash` of its weights and code."""

    backbone: Backbone
    weights: str

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for models whose features are."""
        backbone = self.backbone
        return self.weights, backbone.tile_hw, backbone.mean, backbone.std


@dataclass(frozen=True)
class NamedModels:
    """Candidates, and what is known of their models before any is loaded.

    Attributes:
        candidates: each different, in their order.
        live: name of a backbone → the model, where it is no name that can be loaded.
        configs: the choices of candidates that were given as a `MultiScale`.
    """

    candidates: tuple[Candidate, ...]
    live: dict[str, LiveModel]
    configs: dict[Candidate, MultiScaleConfig]


def name_models(candidates: Candidates) -> NamedModels:
    """Candidates as the user gives them → candidates by name; nothing is loaded.

    A live model without a name is called as its adapter calls it, which is usually its class, and
    a number is added where another model has that name. The same model at other scales has the
    same name.

    Raises:
        InputError: if there is none, one is given twice or cannot be read, or a name means two
            models.
    """
    given = [
        (name, Candidate.parse(entry) if isinstance(entry, str) else entry)
        for name, entry in _flatten(candidates)
    ]
    if not given:
        raise InputError(
            "candidates must hold at least one, but is empty. "
            "Example: pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2"
        )
    loaded = {entry.backbone for _, entry in given if isinstance(entry, Candidate)}
    named = NamedModels((), {}, {})
    for name, entry in given:
        candidate = entry if isinstance(entry, Candidate) else _add_live(entry, name, named, loaded)
        if candidate in named.candidates:
            raise InputError(f"candidates must differ, but {candidate} is given twice.")
        named = replace(named, candidates=(*named.candidates, candidate))
    return named


def check_options(candidate: Candidate, own: MultiScaleConfig, run: MultiScaleConfig) -> None:
    """Refuse choices of a `MultiScale` that a run would not follow.

    Args:
        candidate: what errors call it.
        own: its choices.
        run: those that the settings of the run give it.

    Raises:
        InputError: naming the choice.
    """
    default = MultiScaleConfig(scales=own.scales)
    for field in fields(own):
        name = field.name
        value, wanted = getattr(own, name), getattr(run, name)
        if name not in NOT_COMPARED and value not in (getattr(default, name), wanted):
            raise InputError(
                f"{name} of {candidate} must be {wanted!r} as in the settings, which hold for all "
                f"candidates, but its MultiScale has {value!r}. Leave it out of wrap, and set it "
                "in the settings if they have it."
            )


@contextmanager
def borrowed(backbones: Iterable[Backbone]) -> Iterator[None]:
    """Evaluation mode; afterwards every part has its own mode again, and the model its device."""
    with ExitStack() as afterwards:
        for backbone in backbones:
            if isinstance(backbone, nn.Module):
                afterwards.callback(backbone.to, model_dtype_device(backbone)[1])
                for part in backbone.modules():
                    afterwards.callback(setattr, part, "training", part.training)
                backbone.eval()
        yield


def _flatten(candidates: Any, name: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """Each candidate with the name that it is given, if any."""
    if isinstance(candidates, Mapping):
        for key, models in candidates.items():
            if not (isinstance(key, str) and key.strip()):
                raise InputError(f"names of candidates must be text, but got {key!r}.")
            yield from _flatten(models, key)
    elif isinstance(candidates, Sequence) and not isinstance(candidates, str | nn.Module):
        for each in candidates:
            yield from _flatten(each, name)
    elif name is not None and isinstance(candidates, str | Candidate):
        raise InputError(
            f"candidate {name!r} must be a live model, but got the name {str(candidates)!r}, which "
            f"needs no second one. Give a list: [{str(candidates)!r}, {{'NAME': model}}]."
        )
    else:
        yield name, candidates


def _add_live(
    model: OwnModel, name: str | None, named: NamedModels, loaded: Container[str]
) -> Candidate:
    """Put a model among the live ones, under its name or one that is free."""
    config = model.config if isinstance(model, MultiScale) else None
    backbone = model.backbone if isinstance(model, MultiScale) else as_backbone(model)
    live = LiveModel(backbone, live_hash(backbone))
    name = name or _free_name(live, named.live, loaded)
    if name in loaded or named.live.setdefault(name, live).identity != live.identity:
        raise InputError(
            f"candidate {name!r} must be one model, perhaps at several sets of scales, but got "
            "models that differ. Give each its own name."
        )
    candidate = Candidate(name, (1,) if config is None else config.scales)
    if config is not None:
        named.configs[candidate] = config
    return candidate


def _free_name(model: LiveModel, live: Mapping[str, LiveModel], loaded: Container[str]) -> str:
    """The name of its backbone, with a number where another model has that name."""
    own = model.backbone.name
    names = chain([own], (f"{own}-{number}" for number in count(2)))
    return next(
        name
        for name in names
        if name not in loaded and live.get(name, model).identity == model.identity
    )
