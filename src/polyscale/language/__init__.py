"""Multimodal language models whose frozen vision tower runs over several scales.

Everything is a class of transformers: the tower is a `PreTrainedModel` that works inside their
LLaVA, and its tiles are cut and joined by the operator of polyscale. Importing this room tells
`AutoConfig` and `AutoModel` of the tower, which `from_pretrained` of a saved model needs.
"""

from polyscale.errors import require

# the oldest release that it was tried with
require("transformers", extra="language", feature="polyscale.language", at_least="5.24")

from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoProcessor

from polyscale.language.config import S2VisionConfig
from polyscale.language.conversion import convert_llava
from polyscale.language.images import S2ImageProcessor
from polyscale.language.llava import make_llava
from polyscale.language.processor import S2Processor, check_llava
from polyscale.language.tower import S2VisionModel
from polyscale.language.widen import widen

AutoConfig.register(S2VisionConfig.model_type, S2VisionConfig, exist_ok=True)
AutoModel.register(S2VisionConfig, S2VisionModel, exist_ok=True)
AutoImageProcessor.register(
    S2VisionConfig, image_processor_classes={"torchvision": S2ImageProcessor}, exist_ok=True
)
AutoProcessor.register(S2VisionConfig, S2Processor, exist_ok=True)

__all__ = [
    "S2ImageProcessor",
    "S2Processor",
    "S2VisionConfig",
    "S2VisionModel",
    "check_llava",
    "convert_llava",
    "make_llava",
    "widen",
]
