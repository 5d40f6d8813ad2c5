"""`load`: a source such as `timm:NAME` → a frozen backbone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec

from polyscale.backbones.pip_weights import PIP_WEIGHTS, load_pip
from polyscale.backbones.timm_models import TimmBackbone, load_timm
from polyscale.errors import InputError, near_matches
from polyscale.types import Backbone

LOADERS: dict[str, Callable[..., TimmBackbone]] = {"pip": load_pip, "timm": load_timm}


@dataclass(frozen=True)
class SourceInfo:
    """A model that can be loaded.

    Attributes:
        source: what `load` takes.
        about: what it is.
        licence: of the weights, where known.
        installed: whether it can be loaded without installing or downloading anything.
    """

    source: str
    about: str
    licence: str
    installed: bool


def load(source: str, *, weights: bool = True) -> Backbone:
    """Load a frozen backbone.

    Args:
        source: `timm:NAME` (a local folder in timm's layout also works) or `pip:NAME`.
        weights: False builds the architecture alone, on the meta device: enough to plan and to
            count, at no cost in memory.

    Raises:
        InputError: if there is no such source or model; near matches are named.
        MissingExtraError: if a package is not installed; the pip command is named.
        RunError: if weights cannot be fetched.
    """
    scheme, colon, name = source.partition(":")
    if not colon or scheme not in LOADERS:
        schemes = " or ".join(f"{s}:NAME" for s in LOADERS)
        guess = near_matches(source, [f"pip:{n}" for n in PIP_WEIGHTS])
        if not colon and find_spec("timm") and not guess:
            import timm

            if timm.is_model(source.partition(".")[0]):
                guess = f" Did you mean 'timm:{source}'?"
        raise InputError(f"source must be {schemes}, but got {source!r}.{guess}")
    return LOADERS[scheme](name, weights=weights)


def list_sources(pattern: str = "*") -> Iterator[SourceInfo]:
    """The models that `load` can load, first those that need no hub.

    Args:
        pattern: a shell-style pattern that the source must match, or a word it must contain.
    """
    match = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    for name, entry in PIP_WEIGHTS.items():
        if fnmatch(f"pip:{name}", match):
            installed = find_spec(entry.module) is not None
            yield SourceInfo(f"pip:{name}", entry.about, entry.licence, installed)
    if find_spec("timm") is None:
        return
    import timm

    for name in timm.list_pretrained():
        if fnmatch(f"timm:{name}", match):
            yield SourceInfo(f"timm:{name}", "weights from the hub", "", False)
