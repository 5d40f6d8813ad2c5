"""A backbone for the dense heads of transformers; importing this does not import transformers."""

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from polyscale.encoders.shared import as_multiscale
from polyscale.errors import InputError, require
from polyscale.operator.backbones.blueprint import blueprint_of
from polyscale.operator.multiscale import MultiScale
from polyscale.types import Backbone

if TYPE_CHECKING:
    from polyscale.encoders.transformers_model import TransformersBackbone

BackboneForm = Literal["pyramid", "map", "tokens"]
"""pyramid: four maps, 4, 2, 1 and ½ times the grid (UperNet, MaskFormer, Mask2Former, RT-DETR).
map: the fused map alone (VitMatte). tokens: four times the class token and the cells (DPT, Depth
Anything)."""


def register() -> None:
    """Tell transformers' `AutoConfig`, `AutoModel` and `AutoBackbone` of polyscale's backbones.

    Call it before `from_pretrained` of a model that was saved with one. Otherwise transformers
    fails with `KeyError: 'polyscale.encoders.register()'`.

    Raises:
        MissingExtraError: if transformers is not installed, or too old.
    """
    # the release that has `transformers.backbone_utils`
    require("transformers", extra="transformers", feature="polyscale.encoders", at_least="5.2")
    from transformers import AutoBackbone, AutoConfig, AutoModel

    from polyscale.encoders.transformers_model import PolyscaleBackboneConfig, TransformersBackbone

    AutoConfig.register(PolyscaleBackboneConfig.model_type, PolyscaleBackboneConfig, exist_ok=True)
    for auto in (AutoBackbone, AutoModel):
        auto.register(PolyscaleBackboneConfig, TransformersBackbone, exist_ok=True)


def transformers_backbone(
    multiscale: MultiScale | Backbone,
    *,
    form: BackboneForm = "pyramid",
    patch_size: int | None = None,
    out_features: list[str] | None = None,
) -> "TransformersBackbone":
    """Multi-scale features for the dense heads of `transformers`.

    A head is built from the backbone's config, then given the backbone:

        backbone = transformers_backbone(multiscale)
        model = UperNetForSemanticSegmentation(UperNetConfig(backbone_config=backbone.config))
        model.backbone = backbone

    The model's `save_pretrained` writes head and backbone. Call `polyscale.encoders.register()`
    before `from_pretrained`, which restores both.

    Args:
        multiscale: made by `polyscale.wrap`, or a backbone of `polyscale.load`. It becomes part of
            the result, not a copy, and is trained unless it is frozen.
        form: what the head takes.
        patch_size: pixels of the image for each cell along an axis, for heads that expect a grid of
            image // patch_size, to which tokens and a map are then resized. None is that of the
            output grid for an image as large as the largest scale; a map stays as it is.
        out_features: names of the maps to give, from `"stage1"` to `"stage4"`; all by default.

    Raises:
        InputError: if an argument breaks its rule.
        MissingExtraError: if transformers is not installed, or too old.
    """
    register()
    from polyscale.encoders.transformers_model import PolyscaleBackboneConfig, TransformersBackbone

    if form not in get_args(BackboneForm):
        choices = ", ".join(map(repr, get_args(BackboneForm)))
        raise InputError(
            f"form must be one of {choices}, but got {form!r}. Try 'pyramid', or 'tokens' for DPT."
        )
    if patch_size is not None and (not isinstance(patch_size, int) or patch_size < 1):
        raise InputError(
            f"patch_size must be a whole number of pixels, but got {patch_size!r}. "
            "Leave it out for that of the output grid."
        )
    multiscale = as_multiscale(multiscale)
    plan = multiscale.plan
    largest_px = max(level.image_hw[0] for level in plan.levels)
    config = PolyscaleBackboneConfig(
        form=form,
        hidden_size=multiscale.out_channels,
        patch_size=patch_size
        or (None if form == "map" else max(1, round(largest_px / plan.grid_hw[0]))),
        num_channels=getattr(multiscale.backbone, "in_channels", 3),
        blueprint=_blueprint(multiscale.backbone),
        operator=json.loads(multiscale.config.to_json()),
        frozen=multiscale.frozen,
    )
    config.out_features = out_features or config.stage_names
    return TransformersBackbone(config, multiscale)


def _blueprint(backbone: Backbone) -> dict[str, Any] | None:
    """None of a function or class of the user's own, which only the user can build again."""
    try:
        return blueprint_of(backbone)
    except InputError:
        return None
