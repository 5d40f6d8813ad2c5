"""A LLaVA as `Trainer` trains it: parts of it, by the loss of answers alone."""

import warnings
from typing import Any

import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from polyscale.language.training.kept_features import AS_THEY_ARE, KeptTower
from polyscale.language.training.sequences import IGNORED
from polyscale.language.training.settings import LlavaTraining


class AnswerLoss(nn.Module):
    """The loss of answers, computed only where one is learned from.

    The vocabulary's head is a large part of a small language model, and most tokens are those of
    pictures and questions, so it runs on the tokens before those of answers and on no others. The
    state of this module is what is trained, so checkpoints hold no frozen weights.

    Args:
        llava: a `LlavaForConditionalGeneration`, whose trained parts need gradients.
    """

    accepts_loss_kwargs = True  # `Trainer` gives the number of targets in all batches of a step

    def __init__(self, llava: Any) -> None:
        super().__init__()
        self.llava = llava

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor,
        num_items_in_batch: Tensor | int | None = None,
        **inputs: Any,
    ) -> dict[str, Tensor]:
        """The mean negative log-likelihood of targets, in nats.

        Args:
            input_ids: tokens (rows, tokens), a picture as many as it has features.
            labels: the token that should follow each, or IGNORED (rows, tokens).
            num_items_in_batch: targets that the mean is over; None is those of this batch.
            inputs: others of `LlavaModel`.
        """
        if isinstance(self.llava.model.vision_tower, KeptTower):
            inputs |= AS_THEY_ARE
        hidden = self.llava.model(input_ids=input_ids, use_cache=False, **inputs)[0]
        learned = labels != IGNORED
        logits = self.llava.lm_head(hidden[learned]).float()
        total = F.cross_entropy(logits, labels[learned], reduction="sum")
        return {
            "loss": total / (learned.sum() if num_items_in_batch is None else num_items_in_batch)
        }

    def train(self, mode: bool = True) -> "AnswerLoss":
        """The tower is frozen, its dropout and statistics as well."""
        super().train(mode)
        self.llava.model.vision_tower.eval()
        return self

    def trained(self) -> dict[str, nn.Parameter]:
        """Name → parameter, of what is trained."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """What is trained."""
        state = super().state_dict(*args, **kwargs)
        return {name: state[name] for name in self.trained()}

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        """Load what is trained, all of it."""
        if state_dict.keys() != self.trained().keys():
            raise ValueError("the checkpoint holds other weights than those that are trained")
        loaded = super().load_state_dict(state_dict, strict=False)
        loaded.missing_keys.clear()  # the frozen weights
        return loaded


def prepare(llava: Any, settings: LlavaTraining) -> tuple[Any, list[dict[str, Any]]]:
    """Freeze all but what a stage trains, which is float32 where the model runs under autocast.

    Args:
        llava: changed in place.
        settings: of the training.

    Returns:
        The LLaVA, or with LoRA the `PeftModel` around it, and the groups of parameters with their
        learning rates.
    """
    llava.requires_grad_(False)
    if settings.checkpoint_layers:
        # renamed in transformers 5
        new = getattr(llava, "activation_checkpointing_enable", None)
        (new or llava.gradient_checkpointing_enable)({"use_reentrant": False})
    model = _with_lora(llava, settings) if settings.stage == "lora" else llava
    projector = projector_of(llava)
    if settings.precision != "fp32":
        projector.float()
    projector.requires_grad_(True)
    rates = dict(
        zip(("language_model", "multi_modal_projector"), settings.learning_rates, strict=True)
    )
    parts = {
        part: [p for p in getattr(llava.model, part).parameters() if p.requires_grad]
        for part in rates
    }
    return model, [{"params": own, "lr": rates[part]} for part, own in parts.items() if own]


def _with_lora(llava: Any, settings: LlavaTraining) -> PeftModel:
    with warnings.catch_warnings():  # peft asks for what transformers has renamed
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(llava, _lora_config(llava, settings))


def _lora_config(llava: Any, settings: LlavaTraining) -> LoraConfig:
    """LoRA in every linear layer of the language model; names of the tower's may be the same."""
    names = sorted({name.rpartition(".")[2] for name in linear_layers(llava)})
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=rf"(.*\.)?language_model\..*\.({'|'.join(names)})",
    )


def linear_layers(llava: Any) -> dict[str, nn.Linear]:
    """Those of the language model, by their names in it."""
    inside = llava.model.language_model.named_modules()
    return {name: module for name, module in inside if isinstance(module, nn.Linear)}


def without_adapter(model: Any, *, merge: bool) -> Any:
    """The LLaVA, with what LoRA has learned in its own weights or without it."""
    if not isinstance(model, PeftModel):
        return model
    return model.merge_and_unload() if merge else model.unload()


def projector_of(llava: Any) -> nn.Module:
    """Between the tower and the language model."""
    projector: nn.Module = llava.model.multi_modal_projector
    return projector
