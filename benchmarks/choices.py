"""What the operator's choices do to accuracy, and what they cost.

    python benchmarks/choices.py --out benchmarks/records/choices.json

`rooms`, EfficientNet-Lite0 with its real weights, scales (1, 2), the logistic probe on pooled
features. Each row changes one choice against the default; the difference is paired over the test
images, with its 95 % bootstrap interval.
"""

import argparse
import json
from pathlib import Path

import torch
from turns import write_record

import polyscale
from polyscale.data import load_classification
from polyscale.learning.heads import fit_logistic_probe
from polyscale.operator.multiscale import MultiScale
from polyscale.stats import paired_contrasts

MODEL = "pip:efficientnet_lite0"
CHOICES: dict[str, dict[str, object]] = {
    "default: (1, 2), native, squash, concat, bf16": {},
    "scale 1 alone": {"scales": (1,)},
    "source base": {"source": "base"},
    "merge add": {"merge": "add"},
    "merge mean": {"merge": "mean"},
    "overlap 0.25, hann": {"overlap": 0.25, "window": "hann"},
    "shifted": {"shifted": True},
    "scales (0.5, 1, 2)": {"scales": (0.5, 1, 2)},
    "scales (1, 1.5, 2)": {"scales": (1, 1.5, 2)},
    "one large tile a scale": {"split": False},
    "layers, one before the last": {"layers": -2},
    "fp32": {"dtype": "fp32"},
}


def main() -> None:
    """Run all choices and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = load_classification("rooms")
    correct, tiles, dims = {}, {}, {}
    for label, choice in CHOICES.items():
        chosen = dict(choice)
        backbone = polyscale.load(MODEL, layers=chosen.pop("layers", None))
        module = MultiScale(backbone, **{"scales": (1, 2), "dtype": "bf16", **chosen})
        train, test = (pooled(module, split) for split in (data.train, data.test))
        probe = fit_logistic_probe(train, data.train.labels, test)
        correct[label] = probe.probabilities.argmax(axis=1) == data.test.labels
        tiles[label], dims[label] = module.plan.num_tiles, test.shape[1]
        print(label, round(float(correct[label].mean()), 3), flush=True)
    default = next(iter(CHOICES))
    against = {
        c.first: c for c in (c.turned() for c in paired_contrasts(correct)) if c.second == default
    }
    rows = []
    for label, right in correct.items():
        row = {"choice": label, "accuracy": float(right.mean()), "tiles": tiles[label]}
        row["dim"] = dims[label]
        if label in against:
            contrast = against[label]
            row |= {"difference": contrast.difference, "low": contrast.ci_low}
            row |= {"high": contrast.ci_high, "p": contrast.p_value}
        rows.append(row)
        print(json.dumps(row))
    write_record(options.out, rows, model=MODEL, data="rooms", num_test=len(data.test))


def pooled(module: MultiScale, images):
    """Pooled features of a split, sixteen images at a time."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), 16):
            batch = [images.read(i) for i in range(start, min(start + 16, len(images)))]
            found.append(module(module.preprocess(batch)).pooled)
    return torch.cat(found).float().numpy()


if __name__ == "__main__":
    main()
