"""The logistic probe against scikit-learn's, on 20 000 × 2304 features of 100 classes.

    python benchmarks/probe.py --out benchmarks/records/probe.json

Each contender runs in a process of its own, so that the high-water mark of its memory is its own.
The features are synthetic, but as ill-conditioned as real ones: class means and noise in a
spectrum that falls like 1/j, rotated, with columns of unequal scale and offset, noise of unequal
length, and 5 % wrong labels. Validation rows are apart.

On a machine that others use, take one thread and compare `cpu_seconds`: seconds that a process
waited for a core are not in them, and threads that wait for each other don't spin.

scikit-learn gets what its documentation advises: standardised features, L-BFGS, the same
objective. Each of its tolerances is a contender (`sklearn:TOLERANCE`, in float64 with
`sklearn64:`), since it stops on another norm than ours: `gradient_ratio` is ours for all.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.preprocessing import StandardScaler
from turns import show, write_record

from polyscale.learning.heads import fit_logistic_probe
from polyscale.learning.heads.logistic import LAMBDAS
from polyscale.learning.heads.logistic_solver import Problem, standardise

CONTENDERS = ("floor", "ours", "sklearn:1e-4", "sklearn:1e-5", "sklearn64:1e-7")
NUM_TEST = 5_000
SEPARATION = 0.25
WRONG = 0.05


def main() -> None:
    """Run all contenders in turn and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--shape", type=int, nargs=3, default=(20_000, 2304, 100))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--regulariser", type=float, default=1e-5)
    parser.add_argument("--contenders", nargs="+", default=CONTENDERS)
    parser.add_argument("--run", nargs=2, metavar=("CONTENDER", "FOLDER"), help="one, in here")
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(*options.run, options.regulariser)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_features(Path(folder), *options.shape)
        for turn in range(options.turns):
            for contender in options.contenders:
                row = {"turn": turn, "contender": contender}
                rows.append(show(row | in_process(contender, folder, options)))
    facts = {name: getattr(options, name) for name in ("shape", "threads", "regulariser")}
    write_record(options.out, rows, **facts)


def in_process(contender: str, folder: str, options) -> dict[str, object]:
    """What the contender says of itself."""
    threads = str(options.threads)
    command = [sys.executable, __file__, "--run", contender, folder]
    command += ["--regulariser", str(options.regulariser)]
    environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    load = os.getloadavg()[0]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1]) | {"load": round(load, 2)}


def run(contender: str, folder: str, regulariser: float) -> dict[str, object]:
    """Fit once: seconds, memory beyond the features, loss and accuracy on the validation rows."""
    name, _, detail = contender.partition(":")
    load = {key: np.load(Path(folder) / f"{key}.npy") for key in ("train", "labels", "test")}
    truth = np.load(Path(folder) / "truth.npy")
    before = high_water_mib()
    start, cpu = time.perf_counter(), time.process_time()
    if name in ("ours", "ours-select"):
        given = regulariser if name == "ours" else None
        result = fit_logistic_probe(**load, regulariser=given)
        probabilities, facts = result.probabilities, result.summary()
    elif name in ("sklearn", "sklearn64"):
        dtype = np.float64 if name == "sklearn64" else np.float32
        probabilities, facts = by_sklearn(
            **load, regulariser=regulariser, tolerance=float(detail), dtype=dtype
        )
    elif name == "sklearn-select":
        probabilities, facts = by_sklearn_cv(**load, tolerance=float(detail))
    elif name == "floor":
        return floor(load["train"], int(truth.max()) + 1)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = high_water_mib() - before
    if "model" in facts:
        facts["gradient_ratio"] = certify(
            facts["model"], load["train"], load["labels"], regulariser
        )
    of_own = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_mib": round(peak),
        "loss": round(float(-np.log(of_own).mean()), 6),
        "accuracy": round(float((probabilities.argmax(axis=1) == truth).mean()), 4),
        **{k: facts[k] for k in ("regulariser", "iterations", "gradient_ratio") if k in facts},
    }


def high_water_mib() -> float:
    """The most memory this process has held; Linux keeps it in KiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def by_sklearn(train, labels, test, *, regulariser: float, tolerance: float, dtype):
    """StandardScaler and LogisticRegression, as a user would write it."""
    scaler = StandardScaler().fit(train)
    rows = scaler.transform(train).astype(dtype, copy=False)
    # our λ is for features whose mean squared norm is 1; theirs has norm² = dim
    c = 1 / (regulariser * train.size)
    model = LogisticRegression(C=c, tol=tolerance, max_iter=3000).fit(rows, labels)
    facts = {"iterations": int(model.n_iter_[0]), "model": model}
    return model.predict_proba(scaler.transform(test)), facts


def certify(model, train, labels, regulariser: float) -> float:
    """The norm of the gradient that ours is judged by, for theirs."""
    weights = np.sqrt(train.shape[1]) * model.coef_.astype(np.float64)
    ours = np.concatenate([weights, model.intercept_[:, None].astype(np.float64)], axis=1)
    return Problem.of(standardise(train), labels).gradient_ratio(ours, regulariser)


def by_sklearn_cv(train, labels, test, *, tolerance: float):
    """LogisticRegressionCV over our path of λ, chosen by log loss in five folds."""
    scaler = StandardScaler().fit(train)
    rows = scaler.transform(train)
    cs = [1 / (penalty * train.size) for penalty in LAMBDAS]
    model = LogisticRegressionCV(
        Cs=cs, cv=5, scoring="neg_log_loss", tol=tolerance, max_iter=3000
    ).fit(rows, labels)
    facts = {"regulariser": float(1 / (np.ravel(model.C_)[0] * train.size))}
    return model.predict_proba(scaler.transform(test)), facts


def floor(train, num_classes: int) -> dict[str, object]:
    """One evaluation's two matrix products, and XᵀX once, at this machine's speed."""
    block, weights = (
        train[:1024] - train[:1024].mean(axis=0),
        np.ones((num_classes, train.shape[1]), np.float32),
    )
    logits = block @ weights.T
    seconds = {}
    for name, call in {
        "products": lambda: (block @ weights.T, logits.T @ block),
        "gram": lambda: block.T @ block,
    }.items():
        times = []
        for _ in range(20):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        seconds[name] = min(times) * len(train) / len(block)
    flops = 4 * train.size * num_classes
    return {
        "seconds_an_evaluation": round(seconds["products"], 4),
        "gflops": round(flops / seconds["products"] / 1e9, 1),
        "seconds_gram": round(seconds["gram"], 3),
    }


def make_features(folder: Path, num_train: int, dim: int, num_classes: int) -> None:
    """Write train, labels, test and truth as .npy."""
    generator = np.random.default_rng(0)
    normal = generator.standard_normal
    num = num_train + NUM_TEST
    spectrum = np.arange(1, dim + 1, dtype=np.float32) ** -0.5
    truth = generator.integers(0, num_classes, num)
    means = normal((num_classes, dim), dtype=np.float32) * spectrum * SEPARATION
    means[:, 300:] = 0
    length = np.exp(0.3 * normal((num, 1), dtype=np.float32))
    rows = normal((num, dim), dtype=np.float32) * spectrum * length + means[truth]
    rotation, _ = np.linalg.qr(normal((dim, dim), dtype=np.float32))
    rows = rows @ rotation.T
    rows *= np.exp(0.7 * normal(dim, dtype=np.float32))
    rows += 2 * rows.std(axis=0) * normal(dim, dtype=np.float32)
    wrong = generator.random(num) < WRONG
    truth[wrong] = generator.integers(0, num_classes, int(wrong.sum()))
    parts = {"train": rows[:num_train], "test": rows[num_train:]}
    parts |= {"labels": truth[:num_train], "truth": truth[num_train:]}
    for name, part in parts.items():
        np.save(folder / f"{name}.npy", part)


if __name__ == "__main__":
    main()
