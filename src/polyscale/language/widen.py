"""A trained LLaVA goes on with more scales: its projector gets channels that begin at zero."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from polyscale.errors import InputError
from polyscale.language.config import S2VisionConfig
from polyscale.language.images import make_image_processor
from polyscale.language.processor import check_llava, make_processor, num_read, select_strategy
from polyscale.language.tower import S2VisionModel

KEPT = ("image_mode", "skip_enlarged", "antialias", "merge", "frozen", "operator", "tile_size")
"""Fields of a tower of several scales that stay as they are."""


def widen(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    *,
    scales: Sequence[float] | None = None,
    sizes: Sequence[int] | None = None,
    **options: Any,
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A LLaVA whose tower runs over more scales, and which answers as before until it is trained.

    The projector's weights for the scales that it had stay as they are, and those for new scales
    are zero. So its output is that of the given model for the same picture at the scales that it
    had. Only the picture is resized in another way: to the largest scale first, and from there
    to the others.

    The new model shares all other weights with the given one, which is not changed, except that
    a frozen tower is not trained in either.

    Args:
        model: with one scale, such as transformers' LLaVA-1.5, or with some.
        processor: of the model.
        scales: sizes relative to the tower's own, those of the given model among them
            (default: (1, 2, 3)).
        sizes: the same in pixels, instead of scales.
        options: other fields of `S2VisionConfig`, for example `image_mode`; by default those that
            the model has.

    Raises:
        InputError: if a scale of the model is missing, or its projector or tower are of another
            kind.

    Examples:
        >>> model, processor = widen(model, processor, scales=(1, 2, 3))  # doctest: +SKIP
    """
    tower = model.model.vision_tower
    given = tower.config if isinstance(tower, S2VisionModel) else None
    backbone = tower if given is None else tower.backbone
    own = {} if given is None else {name: getattr(given, name) for name in KEPT}
    config = S2VisionConfig(
        backbone_config=backbone.config,
        scales=None if scales is None else list(scales),
        sizes=sizes,
        **{**own, **options},
    )
    _check_merge(config, given)
    _check_strategy(model.config, config)
    known = [1.0] if given is None else given.multiscale().scales
    new = config.multiscale().scales
    wide_config = deepcopy(model.config)
    wide_config.vision_config = config
    wide_config.vision_feature_select_strategy = select_strategy(config)
    with torch.device("meta"):
        wide = LlavaForConditionalGeneration(wide_config)
    wide.model.vision_tower = S2VisionModel(config, backbone)
    wide.model.language_model, wide.lm_head = model.model.language_model, model.lm_head
    wide.model.multi_modal_projector = _widen_projector(
        model.model.multi_modal_projector,
        slots=_slots(known, new),
        num_slots=len(new),
        width=config.width,
        num_layers=num_read(model.config.vision_feature_layer),
    )
    wide.generation_config = model.generation_config
    wide_processor = _processor(processor, config)
    check_llava(wide, wide_processor)
    return wide.train(model.training), wide_processor


def widen_columns(
    weight: Tensor, *, slots: Sequence[int], num_slots: int, width: int, num_layers: int = 1
) -> Tensor:
    """The matrix of a linear layer for features that have more scales; the new columns are zero.

    Args:
        weight: (out, layers · old scales · width); scales lie side by side in each layer.
        slots: for each old scale, its number among the new ones.
        num_slots: new scales.
        width: channels of one scale.
        num_layers: layers of the tower that lie side by side.

    Returns:
        (out, layers · num_slots · width)
    """
    rows = len(weight)
    wide = weight.new_zeros(rows, num_layers, num_slots, width)
    wide[:, :, list(slots)] = weight.view(rows, num_layers, len(slots), width)
    return wide.flatten(1)


def _widen_projector(
    projector: nn.Module, *, slots: Sequence[int], num_slots: int, width: int, num_layers: int
) -> nn.Module:
    """A copy of the projector that reads more scales."""
    first = getattr(projector, "linear_1", None)
    expected = num_layers * len(slots) * width
    if not isinstance(first, nn.Linear) or first.in_features != expected:
        read = f"reads {first.in_features}" if isinstance(first, nn.Linear) else "has no linear_1"
        raise InputError(
            f"the projector must read the {expected} channels of its tower ({num_layers} layers, "
            f"{len(slots)} scales, {width} channels), but {read}. Give a model whose parts fit."
        )
    wide: Any = deepcopy(projector)
    with torch.no_grad():
        columns = widen_columns(
            first.weight, slots=slots, num_slots=num_slots, width=width, num_layers=num_layers
        )
    wide.linear_1.weight = nn.Parameter(columns, requires_grad=first.weight.requires_grad)
    wide.linear_1.in_features = columns.shape[1]
    return wide


def _processor(processor: LlavaProcessor, config: S2VisionConfig) -> LlavaProcessor:
    """The same tokenizer and template, and pictures for the new tower."""
    images = processor.image_processor
    return make_processor(
        config,
        make_image_processor(config, mean=images.image_mean, std=images.image_std),
        processor.tokenizer,
        chat_template=processor.chat_template,
    )


def _check_merge(config: S2VisionConfig, given: S2VisionConfig | None) -> None:
    for merge in (config.merge, "concat" if given is None else given.merge):
        if merge != "concat":
            raise InputError(
                f"merge must be 'concat', so that each scale has its own channels, but got "
                f"{merge!r}. With 'add' the projector fits any number of scales as it is."
            )


def _check_strategy(config: Any, tower: S2VisionConfig) -> None:
    """A class token among the tokens of the picture has no place in a tower of several scales."""
    stock = not isinstance(config.vision_config, S2VisionConfig)
    strategy = config.vision_feature_select_strategy
    if stock and tower.has_class_token and strategy != "default":
        raise InputError(
            "vision_feature_select_strategy must be 'default', which leaves out the class token, "
            f"but the model has {strategy!r}. It cannot be widened."
        )


def _slots(known: Sequence[float], scales: Sequence[float]) -> list[int]:
    """Where the scales of the model are among the new ones."""
    missing = [scale for scale in known if scale not in scales]
    if missing:
        raise InputError(
            f"scales must hold those of the model, {tuple(known)}, but got {tuple(scales)}. "
            f"Add {missing[0]:g}."
        )
    return [list(scales).index(scale) for scale in known]
