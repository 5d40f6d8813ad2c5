"""Candidates on a folder of images, as a good engineer would compare them without polyscale.

    python benchmarks/plain_compare.py FOLDER efficientnet_lite0@1 efficientnet_lite0@1,2

FOLDER has train/CLASS and test/CLASS. Torchvision reads, timm's model runs as `s2wrapper.forward`
runs it, scikit-learn fits. Prints the accuracy of each candidate as JSON: no intervals, no costs,
no report, nothing kept.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

from polyscale.operator.backbones.pip_weights import load_pip_classifier

TILE = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}


def main() -> None:
    """Compare the candidates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("candidates", nargs="+", help="MODEL@SCALES")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # of scikit-learn's own renamings
    accuracy = {}
    for candidate in options.candidates:
        name, _, text = candidate.partition("@")
        scales = [int(scale) for scale in text.split(",")]
        model = load_pip_classifier(name)
        (train, train_labels), (test, test_labels) = (
            features(options.folder / split, model, TILE[name], scales, options.dtype)
            for split in ("train", "test")
        )
        probe = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=10, cv=5, max_iter=1000))
        probe.fit(train, train_labels)
        accuracy[candidate] = float(probe.score(test, test_labels))
    print(json.dumps(accuracy))


@torch.inference_mode()
def features(
    folder: Path, model: nn.Module, tile: int, scales: list[int], dtype: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pooled features (num_images, channels · scales) of a split, and its labels."""
    side = tile * max(scales)  # larger scales see the detail of the picture
    transform = transforms.Compose(
        [
            transforms.Resize((side, side), InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(model.pretrained_cfg["mean"], model.pretrained_cfg["std"]),
        ]
    )
    data = datasets.ImageFolder(str(folder), transform)
    relative = [scale / max(scales) for scale in scales]
    rows, labels = [], []
    for images, targets in DataLoader(data, batch_size=32, num_workers=2):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            maps = s2_forward(model.forward_features, images, relative, tile)
        rows.append(maps.float().mean(dim=(2, 3)))
        labels.append(targets)
    return torch.cat(rows).numpy(), torch.cat(labels).numpy()


def s2_forward(model, images: Tensor, scales: list[float], tile: int) -> Tensor:
    """Maps of all scales on the grid of the first, as the public package computes them."""
    maps: list[Tensor] = []
    for scale in scales:
        side = int(images.shape[-1] * scale)
        resized = F.interpolate(images.float(), side, mode="bicubic").to(images.dtype)
        num = side // tile
        tiles = resized.unflatten(3, (num, tile)).unflatten(2, (num, tile))
        tiles = tiles.permute(2, 4, 0, 1, 3, 5).flatten(0, 2)
        made = model(tiles).unflatten(0, (num, num, len(images)))
        whole = made.permute(2, 3, 0, 4, 1, 5).flatten(4).flatten(2, 3)
        maps.append(whole)
    grid = maps[0].shape[-2:]
    return torch.cat([F.interpolate(m.float(), grid, mode="area") for m in maps], dim=1)


if __name__ == "__main__":
    main()
