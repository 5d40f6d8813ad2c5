import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image


@pytest.fixture(scope="session")
def photograph():
    return Image.fromarray(load_sample_image("china.jpg"))


@pytest.fixture(scope="session")
def photographs(photograph):
    """Real photographs, and parts of them that don't overlap, all different."""
    from skimage import data

    pictures = [photograph.copy(), Image.fromarray(load_sample_image("flower.jpg"))]
    pictures += [
        Image.fromarray(np.asarray(getattr(data, name)())).convert("RGB")
        for name in ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "brick")
    ]
    for picture in pictures:
        picture.thumbnail((384, 384))
    quarters = [
        p.crop((x, y, x + p.width // 2, y + p.height // 2))
        for p in pictures
        for x in (0, p.width // 2)
        for y in (0, p.height // 2)
    ]
    return [*pictures, *quarters]
