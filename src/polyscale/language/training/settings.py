"""Every choice about a training, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from polyscale.checks import check_choice, check_flag, check_integers, check_number
from polyscale.operator.multiscale.precision import Precision, check_precision

Stage = Literal["projector", "lora"]
"""What is trained: the projector alone, or the projector and LoRA in the language model."""

LEARNING_RATES: Mapping[Stage, tuple[float, float]] = {
    "projector": (1e-3, 1e-3),
    "lora": (2e-4, 2e-5),
}
"""Of LoRA and of the projector, as LLaVA-1.5 trains its two stages."""

COUNTS = ("batch_size", "accumulate", "max_tokens", "questions", "lora_rank", "save_every")
"""Settings that are whole numbers of at least 1."""


@dataclass(frozen=True, kw_only=True)
class LlavaTraining:
    """How a LLaVA is trained. The vision tower stays frozen; the defaults are those of LLaVA-1.5.

    Attributes:
        stage: what is trained, see `Stage`.
        epochs: times that each conversation is seen; a part of one is allowed.
        max_steps: ends earlier, after so many steps of the optimiser; None does not.
        batch_size: sequences of a step, on each device.
        accumulate: batches whose gradients make one step.
        max_tokens: longer conversations are cut at the end; a picture counts as one token here.
        questions: at most so many questions about the same picture go through the model in one
            sequence. They share the tokens that they begin with, the picture's above all, and see
            nothing of each other, so that each has the loss that it has alone.
        learning_rate: of LoRA; None is that of the stage.
        projector_learning_rate: of the projector; None is that of the stage.
        warmup: share of the steps in which learning rates rise; they then fall as half a cosine.
        weight_decay: of AdamW.
        max_grad_norm: longer gradients are shortened to this norm.
        precision: what the model computes in; bf16 and fp16 are autocast.
        lora_rank: of the matrices that LoRA adds.
        lora_alpha: they count `lora_alpha / lora_rank` times.
        lora_dropout: share of LoRA's inputs that are dropped, 0 to below 1.
        keep_adapter: write LoRA as an adapter of peft, beside a model without it, where it is
            otherwise merged into the language model.
        cache_features: compute the features of the frozen tower once, and keep them.
        checkpoint_layers: keep no activations of the language model's layers, and compute them
            again in the backward pass, for models that do not fit otherwise.
        workers: processes that prepare batches; 0 prepares them in the training's own.
        save_every: steps between two checkpoints, from which a killed training continues.
        seed: of the order of the data, of LoRA's first weights and of dropout.
    """

    stage: Stage = "projector"
    epochs: float = 1.0
    max_steps: int | None = None
    batch_size: int = 16
    accumulate: int = 1
    max_tokens: int = 2048
    questions: int = 1
    learning_rate: float | None = None
    projector_learning_rate: float | None = None
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    precision: Precision = "fp32"
    lora_rank: int = 128
    lora_alpha: float = 256.0
    lora_dropout: float = 0.05
    keep_adapter: bool = False
    cache_features: bool = False
    checkpoint_layers: bool = False
    workers: int = 0
    save_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("stage", self.stage, get_args(Stage))
        check_precision(self.precision, "precision")
        check_integers(self, *COUNTS)
        check_integers(self, "workers", "seed", least=0)
        if self.max_steps is not None:
            check_integers(self, "max_steps")
        for name in ("keep_adapter", "cache_features", "checkpoint_layers"):
            check_flag(name, getattr(self, name))
        for name in ("epochs", "max_grad_norm", "lora_alpha"):
            check_number(name, getattr(self, name), "above 0", lambda value: value > 0)
        for name in ("learning_rate", "projector_learning_rate"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), "above 0", lambda value: value > 0)
        check_number("weight_decay", self.weight_decay, "of at least 0", lambda value: value >= 0)
        for name in ("warmup", "lora_dropout"):
            rule = "of at least 0 and below 1"
            check_number(name, getattr(self, name), rule, lambda value: 0 <= value < 1)

    @property
    def learning_rates(self) -> tuple[float, float]:
        """Of LoRA and of the projector."""
        lora, projector = LEARNING_RATES[self.stage]
        return self.learning_rate or lora, self.projector_learning_rate or projector
