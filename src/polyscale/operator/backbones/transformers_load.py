"""`hf:NAME`: a transformers model from the hub or from a folder."""

from functools import partial
from typing import Any

from torch import nn

from polyscale.errors import InputError, first_line, require
from polyscale.operator.backbones.loading import build_on_meta, fetching, local_folder
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.backbones.transformers_models import adapt_transformers

UNUSED = ("pooler", "head", "classifier", "mask_token")
"""Parts that features do not pass through, so that a checkpoint may lack them."""


def load_transformers(name: str, options: ReadOptions, *, weights: bool) -> ModelBackbone:
    """A transformers model by its name on the hub or its folder: the vision tower alone."""
    require("transformers", extra="transformers", feature=f"hf:{name}")
    import transformers
    from transformers.image_processing_base import ImageProcessingMixin

    target = str(local_folder(name) or name)
    config = _fetch(partial(transformers.AutoConfig.from_pretrained, target), name)
    vision = getattr(config, "vision_config", None)
    if type(vision) in transformers.MODEL_MAPPING:  # the tower can be built alone
        config = vision
    if weights:
        model = _load(target, config, name)
    else:
        model = build_on_meta(partial(transformers.AutoModel.from_config, config))
    try:
        processor = ImageProcessingMixin.get_image_processor_dict(target)[0]
    except OSError:  # there is none
        processor = {}
    return adapt_transformers(model, options, name=f"hf:{name}", processor=processor)


def _load(target: str, config: Any, name: str) -> nn.Module:
    from transformers import AutoModel

    load = partial(AutoModel.from_pretrained, target, config=config, output_loading_info=True)
    model, info = _fetch(load, name)
    missing = [k for k in info["missing_keys"] if not any(part in k for part in UNUSED)]
    if missing:
        raise InputError(
            f"hf:{name}: the weights must fill {type(model).__name__}, but {len(missing)} of its "
            f"tensors are missing, the first {sorted(missing)[0]}. Check that config.json belongs "
            "to them."
        )
    # float32: `dtype` of wrap decides what the model computes in
    return model.float()


def _fetch(load: Any, name: str) -> Any:
    try:
        with fetching(f"hf:{name}", "a local folder: hf:PATH"):
            return load(trust_remote_code=False)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"hf:{name} must be a model that transformers knows: {first_line(error)}. Code in a "
            "repository is never run; load the model yourself and wrap it."
        ) from error
