"""polyscale: scale the image, not the model.

The public names, imported when they are first used, so that the command line starts
without waiting for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyscale.api import compare, reconstruct
    from polyscale.comparison import Comparison, read_run
    from polyscale.errors import InputError, MissingExtraError, RunError
    from polyscale.operator.backbones import load
    from polyscale.operator.multiscale import (
        MultiScale,
        MultiScaleConfig,
        MultiScaleFeatures,
        forward,
    )
    from polyscale.operator.multiscale.wrap import wrap
    from polyscale.operator.plan import Plan
    from polyscale.records import Contrast, Result, Verdict
    from polyscale.tasks import ClassificationSettings, DepthSettings, SegmentationSettings
    from polyscale.types import Backbone, Candidate, TileFeatures

__version__ = "0.1.0"
__all__ = [
    "Backbone",
    "Candidate",
    "ClassificationSettings",
    "Comparison",
    "Contrast",
    "DepthSettings",
    "InputError",
    "MissingExtraError",
    "MultiScale",
    "MultiScaleConfig",
    "MultiScaleFeatures",
    "Plan",
    "Result",
    "RunError",
    "SegmentationSettings",
    "TileFeatures",
    "Verdict",
    "compare",
    "forward",
    "load",
    "read_run",
    "reconstruct",
    "wrap",
]

_NAMES = {
    "api": ("compare", "reconstruct"),
    "comparison": ("Comparison", "read_run"),
    "errors": ("InputError", "MissingExtraError", "RunError"),
    "operator.backbones": ("load",),
    "operator.multiscale": (
        "MultiScale",
        "MultiScaleConfig",
        "MultiScaleFeatures",
        "forward",
        "wrap",
    ),
    "operator.plan": ("Plan",),
    "records": ("Contrast", "Result", "Verdict"),
    "tasks": ("ClassificationSettings", "DepthSettings", "SegmentationSettings"),
    "types": ("Backbone", "Candidate", "TileFeatures"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'polyscale' has no attribute {name!r}")
    try:
        return getattr(import_module(f"polyscale.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if _HOME[name] in (
            "api",
            "comparison",
            "tasks",
        ):  # what is above the operator needs an extra
            from polyscale.errors import require

            require(str(error.name).partition(".")[0], extra="compare", feature=f"polyscale.{name}")
        raise
