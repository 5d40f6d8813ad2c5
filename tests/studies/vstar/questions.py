"""Questions in the layout of V* bench, and runs of tiny models with random weights."""

import json

import numpy as np
import torch
from PIL import Image
from tests.language.tiny_llava import tiny_llava, tiny_processor

COLOURS = ("red", "blue", "green", "grey")


def write_questions(folder, num=8, seed=0):
    """Half of them have four options, half two."""
    rng = np.random.default_rng(seed)
    for index in range(num):
        category, count = (("direct_attributes", 4), ("relative_position", 2))[index % 2]
        file = folder / category / f"q{index}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        turned = (*COLOURS[index % 4 :], *COLOURS[: index % 4])
        content = {
            "target_object": ["bag"],
            "bbox": [[4, 4, 20, 20], [10 + index, 12, 8, 6]],
            "question": f"What is the colour of bag {index}?",
            "options": [f"The colour of the bag is {colour}." for colour in turned[:count]],
        }
        file.write_text(json.dumps(content))
        pixels = rng.integers(0, 256, (48, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file.with_suffix(".jpg"))
    return folder


def live_model(seed=0):
    torch.manual_seed(seed)
    return tiny_llava(), tiny_processor()
