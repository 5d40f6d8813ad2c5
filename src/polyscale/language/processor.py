"""Processors: pictures and prompts → what LLaVA takes."""

from typing import Any

from transformers import LlavaProcessor

from polyscale.errors import InputError
from polyscale.language.config import S2VisionConfig
from polyscale.language.images import check_image_processor
from polyscale.language.prompts import IMAGE


class S2Processor(LlavaProcessor):  # type: ignore[misc]
    """LLaVA's processor for towers whose grid follows the picture.

    It counts the placeholders of each picture from its own size, and not from that of the batch,
    which is padded to the largest picture.
    """

    def replace_image_token(self, image_inputs: Any, image_idx: int, **options: Any) -> str:
        """As many placeholders as the tower has tokens for the picture."""
        height, width = image_inputs["image_sizes"][image_idx]
        num_tokens = (int(height) // self.patch_size) * (int(width) // self.patch_size)
        return self.image_token * num_tokens


def make_processor(
    config: S2VisionConfig, image_processor: Any, tokenizer: Any, **options: Any
) -> LlavaProcessor:
    """The processor of a tower: LLaVA's own for square pictures."""
    kind = LlavaProcessor if config.is_square else S2Processor
    return kind(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=config.patch_size,
        vision_feature_select_strategy=select_strategy(config),
        image_token=IMAGE,
        num_additional_image_tokens=int(config.gives_class_token),
        **options,
    )


def select_strategy(config: S2VisionConfig) -> str:
    """LLaVA's `vision_feature_select_strategy`: "default" leaves out the class token."""
    return "default" if config.gives_class_token else "full"


def check_llava(model: Any, processor: Any) -> None:
    """Refuse a model and a processor that do not fit each other, before any picture is read.

    Args:
        model: a `LlavaForConditionalGeneration` whose tower is an `S2VisionModel`.
        processor: its processor.

    Raises:
        InputError: if the sizes of the image processor do not fit the tower, the two would count
            different numbers of tokens, or the projector has another width than the tower.
    """
    config, tower = model.config, model.config.vision_config
    if not isinstance(tower, S2VisionConfig):
        raise InputError(
            f"model must have a vision tower of several scales, but its tower is a "
            f"{tower.model_type}. Build it with make_llava."
        )
    check_image_processor(processor.image_processor, tower)
    width = tower.hidden_size * num_read(config.vision_feature_layer)
    given = model.model.multi_modal_projector.linear_1.in_features
    if given != width:
        raise InputError(
            f"the projector must take {width} channels for scales {tower.scales}, but takes "
            f"{given}. Widen it, or use the scales that it was trained with."
        )
    expected = {
        "patch_size": tower.patch_size,
        "vision_feature_select_strategy": config.vision_feature_select_strategy,
        "num_additional_image_tokens": int(tower.gives_class_token),
        "image_token_id": config.image_token_id,
    }
    for name, value in expected.items():
        if getattr(processor, name) != value:
            raise InputError(
                f"{name} of the processor must be {value}, so that it counts as many tokens as the "
                f"tower gives, but is {getattr(processor, name)}. Set it, or make the processor "
                "with make_llava."
            )
    if config.vision_feature_select_strategy == "default" and not tower.gives_class_token:
        raise InputError(
            "vision_feature_select_strategy must be 'full' for a tower without a class token, but "
            "is 'default', which would leave out a cell. Set it in the configuration."
        )


def num_read(layers: int | list[int]) -> int:
    """How many layers of the tower a `vision_feature_layer` names; they lie side by side."""
    return 1 if isinstance(layers, int) else len(layers)
