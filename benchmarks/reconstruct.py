"""How much faster is the closed form than Adam, and does its memory depend on the number of tokens?

    python benchmarks/reconstruct.py --record benchmarks/records/DATE-reconstruct.json

Adam: features of two scales and a target like those of real models (correlated channels whose
variances fall off, most of the target a linear function of them). The closed form accumulates
moments by fold, chooses its regulariser by cross-validation and fits. Adam minimises the same loss
over mini-batches, at each of several learning rates, and stops when its loss is within 1 % of the
closed form's, or after `--patience` times its time. Both read the tokens from memory. Times are
seconds of processor time, which other work on the machine disturbs little; give one thread.

Memory: the peak of new processes that accumulate moments of 10⁴ to 10⁶ tokens, less that of one
that makes none.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from polyscale.learning.heads import Linear, accumulate
from polyscale.studies.environment import versions
from polyscale.tasks.reconstruction.fit import fit_map

BATCH = 1024
RATES = (1e-3, 1e-2)
SHARD = 4096


def make_tokens(num: int, dim: int, outputs: int, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Features with variances that fall off, and targets: a linear function of them, and noise."""
    generator = np.random.default_rng(seed)
    widths = 1 / np.arange(1, dim + 1) ** 0.7
    mixing = np.linalg.qr(generator.normal(size=(dim, dim)))[0]
    rows = (generator.normal(size=(num, dim)) * widths) @ mixing
    target = (rows @ mixing.T / np.sqrt(widths)) @ generator.normal(size=(dim, outputs))
    target += 0.5 * target.std() * generator.normal(size=target.shape)
    return rows.astype(np.float32), target.astype(np.float32)


def shards(rows: NDArray, targets: NDArray, num_folds: int) -> Iterator[tuple[NDArray, ...]]:
    """Pieces of one fold each."""
    for number, start in enumerate(range(0, len(rows), SHARD)):
        piece = slice(start, start + SHARD)
        fold = np.full(len(rows[piece]), number % num_folds)
        yield rows[piece], targets[piece], fold


def loss_of(model: Linear, rows: NDArray, targets: NDArray) -> float:
    """Mean squared error over tokens and channels."""
    return float(((targets - rows @ model.weights.T - model.intercept) ** 2).mean())


def fit_adam(
    rows: NDArray, targets: NDArray, *, rate: float, goal: float, most_s: float
) -> tuple[float, float]:
    """Processor seconds until the loss is below the goal or time is up; and the loss."""
    data = (torch.from_numpy(rows - rows.mean(axis=0)), torch.from_numpy(targets))
    torch.manual_seed(0)
    layer = torch.nn.Linear(rows.shape[1], targets.shape[1])
    optimiser = torch.optim.Adam(layer.parameters(), lr=rate)
    spent, loss = 0.0, np.inf
    while spent < most_s and loss > goal:
        start = time.process_time()
        for chosen in torch.randperm(len(rows)).split(BATCH):
            optimiser.zero_grad()
            ((layer(data[0][chosen]) - data[1][chosen]) ** 2).mean().backward()
            optimiser.step()
        spent += time.process_time() - start  # the loss of all tokens is not timed
        with torch.no_grad():
            loss = float(((layer(data[0]) - data[1]) ** 2).mean())
    return spent, loss


def compare_times(num: int, dim: int, outputs: int, patience: float) -> dict[str, object]:
    """Both fits of the same tokens."""
    rows, targets = make_tokens(num, dim, outputs)
    start = time.process_time()
    model = fit_map(accumulate(shards(rows, targets, 4), num_folds=4)).model
    closed_s = time.process_time() - start
    loss = loss_of(model, rows, targets)
    adam = {}
    for rate in RATES:
        spent, own = fit_adam(
            rows, targets, rate=rate, goal=1.01 * loss, most_s=patience * closed_s
        )
        adam[rate] = {"times_the_closed_form": spent / closed_s, "loss_over": own / loss - 1}
    return {
        "tokens": num,
        "channels": dim,
        "outputs": outputs,
        "closed_form_s": closed_s,
        "loss": loss,
        "adam": adam,
    }


def peak_mb(num: int, dim: int, outputs: int) -> float:
    """Peak memory of a new process that accumulates so many tokens."""
    command = [sys.executable, __file__, "--accumulate", num, "--dim", dim, "--outputs", outputs]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout)


def stream(num: int, dim: int, outputs: int) -> Iterator[tuple[NDArray, ...]]:
    """Tokens that are made as they are asked for."""
    generator = np.random.default_rng(0)
    for number, start in enumerate(range(0, num, SHARD)):
        size = min(SHARD, num - start)
        rows = generator.standard_normal((size, dim + outputs), dtype=np.float32)
        yield rows[:, :dim], rows[:, dim:], np.full(size, number % 4)


def main() -> None:
    """Print, and write if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--outputs", type=int, default=256)
    parser.add_argument("--patience", type=float, default=25)
    parser.add_argument("--accumulate", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, help="JSON file to write")
    options = parser.parse_args()
    dim, outputs = options.dim, options.outputs
    if options.accumulate is not None:
        if options.accumulate:
            accumulate(stream(options.accumulate, dim, outputs), num_folds=4)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    none = peak_mb(0, dim, outputs)
    memory = {num: peak_mb(num, dim, outputs) - none for num in (10**4, 10**5, 10**6)}
    record = {
        "times": compare_times(options.tokens, dim, outputs, options.patience),
        "peak_mb_by_tokens": memory,
        "versions": versions(),
    }
    text = json.dumps(record, indent=2)
    print(text)
    if options.record:
        options.record.write_text(text + "\n")


if __name__ == "__main__":
    main()
