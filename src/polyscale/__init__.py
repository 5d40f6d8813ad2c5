"""polyscale: scale the image, not the model.

The public names, imported when they are first used, so that the command line starts
without waiting for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyscale.api import Comparison, compare
    from polyscale.backbones import load
    from polyscale.multiscale import MultiScale, MultiScaleFeatures, forward, wrap
    from polyscale.plan import Plan

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "MultiScale",
    "MultiScaleFeatures",
    "Plan",
    "compare",
    "forward",
    "load",
    "wrap",
]

_HOME = {
    "Comparison": "api",
    "MultiScale": "multiscale",
    "MultiScaleFeatures": "multiscale",
    "Plan": "plan",
    "compare": "api",
    "forward": "multiscale",
    "load": "backbones",
    "wrap": "multiscale",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"polyscale.{_HOME[name]}"), name)
    raise AttributeError(f"module 'polyscale' has no attribute {name!r}")
