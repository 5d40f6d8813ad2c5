from importlib.resources import files

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from polyscale.data import load_segmentation


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


NUM_ROOMS = 40


@pytest.fixture(scope="session")
def rooms_folder(tmp_path_factory):
    """The first images of both splits of `rooms`, as Parquet files."""
    folder = tmp_path_factory.mktemp("rooms")
    for split in ("train", "test"):
        table = pq.read_table(files("polyscale.data") / "rooms" / f"{split}.parquet")
        pq.write_table(table.slice(0, NUM_ROOMS), folder / f"{split}.parquet")
    return folder


@pytest.fixture(scope="session")
def rooms_segmentation():
    return load_segmentation("rooms")


SIZE_HW = (40, 56)


@pytest.fixture
def scenes(tmp_path):
    """A maker of `images/` beside `masks/` and `depth/`: pictures, class numbers, millimetres."""

    def make(splits=("train", "val"), root=tmp_path / "scenes", num=6, values=(0, 1, 2, 255)):
        generator = np.random.default_rng(0)
        arrays = {}
        for split in splits:
            for folder in ("images", "masks", "depth"):
                (root / folder / split).mkdir(parents=True)
            for i in range(num):
                # blobs, so that thumbnails differ; every value occurs in every mask
                small = generator.integers(0, 255, (5, 7, 3), dtype=np.uint8)
                image = Image.fromarray(small).resize(SIZE_HW[::-1], Image.Resampling.BICUBIC)
                mask = generator.choice(np.array(values, np.uint16), SIZE_HW)
                mask[0, : len(values)] = values
                depth = generator.integers(500, 9000, SIZE_HW).astype(np.uint16)
                depth[0, 0] = 0
                name = f"{split}/s{i}" if split else f"s{i}"
                image.save(root / "images" / f"{name}.jpg", quality=95)
                Image.fromarray(mask.astype(np.uint8)).save(root / "masks" / f"{name}.png")
                Image.fromarray(depth).save(root / "depth" / f"{name}.png")
                arrays[f"images/{name}.jpg"] = (mask, depth)
        return root, arrays

    return make
