"""Training a LLaVA: its projector, and LoRA in its language model, by the stock `Trainer`."""

from polyscale.language.training.config import train_from_config
from polyscale.language.training.conversations import (
    Conversation,
    Conversations,
    from_questions,
    load_conversations,
    read_llava_json,
)
from polyscale.language.training.folder import TrainedLlava
from polyscale.language.training.settings import LlavaTraining
from polyscale.language.training.train import train_llava

__all__ = [
    "Conversation",
    "Conversations",
    "LlavaTraining",
    "TrainedLlava",
    "from_questions",
    "load_conversations",
    "read_llava_json",
    "train_from_config",
    "train_llava",
]
