import json

import numpy as np
import pytest
import torch
from PIL import Image
from tests.language.tiny_llava import CHATML, tiny_llava, tiny_processor

from polyscale.language.training import read_llava_json

COLOURS = ("red", "blue", "green")


@pytest.fixture(scope="session")
def llava_json(tmp_path_factory):
    """Six pictures of different sizes with two questions each, a text alone, and two turns."""
    folder = tmp_path_factory.mktemp("llava")
    generator = np.random.default_rng(0)
    rows = []
    for number in range(6):
        pixels = generator.integers(0, 255, (40 + 4 * number, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        for thing in ("bag", "big box"):
            turn = (f"What colour has the {thing}?\n<image>", COLOURS[number % 3])
            rows.append(row(f"{number}.png", turn))
    rows.append(row(None, ("Who?", "A red bag.")))
    rows.append(row("0.png", ("<image>\nWhat is it?", "A bag."), ("And now?", "A box, red.")))
    file = folder / "llava.json"
    file.write_text(json.dumps(rows))
    return file


def row(image, *turns):
    spoken = [
        {"from": speaker, "value": value}
        for turn in turns
        for speaker, value in zip(("human", "gpt"), turn, strict=True)
    ]
    return {"id": str(turns), "image": image, "conversations": spoken}


@pytest.fixture(scope="session")
def data(llava_json):
    return read_llava_json(llava_json, None)


@pytest.fixture(scope="session")
def processor():
    return tiny_processor(chat_template=CHATML)


@pytest.fixture
def llava():
    torch.manual_seed(0)
    return tiny_llava()
