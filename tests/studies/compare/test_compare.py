import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import polyscale
from polyscale import compare
from polyscale.errors import InputError
from polyscale.tasks import ClassificationSettings

pytestmark = pytest.mark.weights

CANDIDATES = ["pip:efficientnet_lite0@1", "pip:efficientnet_lite0@1,2", "pip:efficientnet_lite1@1"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    from PIL import Image

    generator = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("textures")
    for label, period in {"fine": 4, "medium": 6, "coarse": 8}.items():
        (root / label).mkdir()
        for i in range(9):
            stripes = np.sin(np.arange(96) * 6.28 / period + generator.uniform(0, 6.28))
            pixels = 128 + 25 * stripes[:, None, None] + generator.normal(0, 60, (96, 96, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / label / f"{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
        return compare(f"folder:{root}", CANDIDATES, settings=ClassificationSettings(dtype="fp32"))


def test_rows_hold_what_was_measured(comparison):
    assert [row.candidate for row in comparison.rows] == CANDIDATES
    one, two, larger = comparison.rows
    for row in comparison.rows:
        columns = comparison.scores[row.candidate].columns
        right = columns["prediction"] == columns["label"]
        assert row.value == pytest.approx(right.mean())
        assert row.ci_low <= row.value <= row.ci_high
        assert (row.num_train, row.num_test) == (18, 9)
        assert row.flops == 2 * row.macs
        assert row.latency_low_ms <= row.latency_ms <= row.latency_high_ms
        assert row.peak_bytes > 4 * row.params
        assert row.family == "efficientnet_lite"
        assert row.probe["converged"]
        assert row.versions["polyscale"] == polyscale.__version__
        assert row.settings["dtype"] == "fp32"
    assert two.macs == 5 * one.macs
    assert (one.num_tiles, two.num_tiles, larger.num_tiles) == (1, 5, 1)
    assert (one.feature_dim, two.feature_dim) == (1280, 2560)
    assert larger.params > one.params == two.params


def test_every_pair_has_a_contrast_and_the_family_a_verdict(comparison):
    assert len(comparison.contrasts) == 3
    (verdict,) = comparison.verdicts
    assert verdict.s2.candidate == CANDIDATES[1]
    assert verdict.larger.candidate == CANDIDATES[2]


def test_saved_files_say_the_same(comparison, tmp_path):
    comparison.save(tmp_path)
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [polyscale.Result.from_dict(row).value for row in rows] == [
        row.value for row in comparison.rows
    ]
    for field in [
        "candidate",
        "backbone",
        "scales",
        "source",
        "task",
        "metric",
        "value",
        "ci_low",
        "ci_high",
        "num_train",
        "num_test",
        "params",
        "macs",
        "flops",
        "latency_ms",
        "peak_bytes",
        "versions",
        "settings",
    ]:
        assert all(field in row for row in rows)
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert len(lines) == 4
    table = pq.read_table(tmp_path / "predictions.parquet").to_pandas()
    accuracy = table.groupby("candidate")["correct"].mean()
    for row in comparison.rows:
        assert accuracy[row.candidate] == pytest.approx(row.value)
    gallery = pq.read_table(tmp_path / "gallery.parquet").to_pandas()
    divided = table.groupby("id")["correct"].nunique().eq(2)
    assert set(gallery["id"]) == set(divided.index[divided])


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "at least one"),
        (["pip:efficientnet_lite0@1", "pip:efficientnet_lite0"], "given twice"),
        (["pip:nothing@1"], "knows no model"),
        (["pip:dinov2_small@0.5,1"], "scales must be at least 1 for pip:dinov2_small"),
    ],
)
def test_bad_candidates_are_refused_before_anything_runs(candidates, message, image_folder):
    told = []
    with pytest.raises(InputError, match=message):
        compare(f"folder:{image_folder}", candidates, progress=lambda *step: told.append(step))
    assert not [step for step in told if step[-1] == "tiles"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "both"}, "source must be one of base, native"),
        ({"dtype": "int8"}, "dtype must be one of auto, fp32, bf16, fp16"),
        ({"tile_batch": 0}, "at least 1"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(InputError, match=message):
        ClassificationSettings(**options)
