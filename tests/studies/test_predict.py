"""A head's file says on what it was trained, or is refused."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import polyscale
from polyscale.errors import InputError
from polyscale.learning.heads.dense import SEGMENTATION_HEADS
from polyscale.learning.heads.head_file import load_head, save_head
from polyscale.studies.predict import load_predictor, predict_files, threshold_table
from polyscale.studies.predict.overlay import draw_overlay
from polyscale.tasks import ClassificationSettings
from polyscale.tasks.depth import Metres
from polyscale.tasks.registry import heads_of
from polyscale.tasks.segmentation import Labels

FACTS = {
    "backbone": "tiny:net",
    "scales": [1],
    "weights_hash": "12ab",
    "source": "native",
    "dtype": "fp32",
    "grid": "base",
    "merge": "concat",
    "split": True,
    "views": {},
    "margin": 0.01,
    "seed": 0,
}


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"class_names": ["wall"]}, "a name for each of its 2 classes, but has 1"),
        ({}, "does not say on what it was trained .'class_names'"),
        ({"class_names": ["wall", "floor"], "backbone": None}, "source must be"),
        ({"class_names": ["wall", "floor"], "views": []}, "does not say on what it was trained"),
    ],
)
def test_facts_that_do_not_fit(tmp_path, facts, told):
    head = SEGMENTATION_HEADS["linear"].make(in_channels=3, num_classes=2)
    file = tmp_path / "1.safetensors"
    save_head(file, head, name="linear", facts=FACTS | {"task": "segmentation"} | facts)
    with pytest.raises(InputError, match=told):
        load_predictor(file)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
    monkeypatch.setattr("polyscale.stats.intervals.NUM_RESAMPLES", 100)


@pytest.fixture
def finished(quick, image_folder, tiny_backbone, tmp_path):
    """A run of a live model on two or three classes, and the model."""

    def run(num_classes=2, **settings):
        if num_classes == 2:
            shutil.rmtree(image_folder / "coarse")
            for file in sorted((image_folder / "fine").iterdir())[:4]:
                file.unlink()
        model = tiny_backbone()
        comparison = polyscale.compare(
            f"folder:{image_folder}",
            {"mine": polyscale.wrap(model, scales=(1, 2))},
            settings=ClassificationSettings(dtype="fp32", **settings),
        )
        comparison.report(tmp_path / "run")
        return comparison, model, tmp_path / "run/heads/0.safetensors"

    return run


@pytest.mark.parametrize(
    ("num_classes", "settings"),
    [(2, {}), (3, {"feature": "mean"}), (2, {"protocol": "paper", "source": "base"})],
)
def test_test_images_are_predicted_as_the_run_did(finished, tmp_path, num_classes, settings):
    comparison, model, file = finished(num_classes, **settings)
    predictor = load_predictor(file, backbone=model)
    test = comparison.study.data.test
    images = [test.read(i) for i in range(len(test))]
    columns = predictor.predict(images)
    scores = comparison.scores["mine@1,2"].columns
    assert list(columns["prediction"]) == list(scores["prediction"])
    of_truth = [columns[name][i] for i, name in enumerate(scores["label"])]
    np.testing.assert_allclose(of_truth, scores["probability"], atol=1e-4)


def test_a_live_model_must_be_given_again(finished, tiny_backbone):
    _, _, file = finished()
    with pytest.raises(InputError, match="backbone must be given.*'mine', a live model"):
        load_predictor(file)
    torch.manual_seed(1)
    with pytest.raises(InputError, match="it is a head of other features: backbone .*weights_hash"):
        load_predictor(file, backbone=tiny_backbone())


def test_a_table_for_a_folder(finished, image_folder, tmp_path):
    comparison, model, file = finished()
    predictor = load_predictor(file, backbone=model)
    pictures = sorted(image_folder.rglob("*.png"))
    broken = image_folder / "fine" / "broken.png"
    broken.write_bytes(b"nothing")
    predicted = predict_files(predictor, [*pictures, broken], tmp_path / "out")
    assert len(predicted.left_out) == 1
    with (tmp_path / "out/predictions.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert list(rows[0]) == ["image", "label", "prediction", "probability", "fine", "medium"]
    assert [row["image"] for row in rows] == [str(picture) for picture in pictures]
    for row in rows:
        assert float(row["fine"]) + float(row["medium"]) == pytest.approx(1, abs=1e-5)
        assert row["label"] == Path(row["image"]).parent.name
    table = threshold_table(predictor, predicted.rows)
    assert table.positive == "fine"  # it has fewer images
    assert len(table.heads) == 1 + 2 * 3
    half = next(row for row in table.rows if row[0] == "0.5")
    missed = [r for r in rows if r["label"] == "fine" and float(r["fine"]) < 0.5]
    assert half[5].startswith(f"{len(missed)} of 8 (")
    test = comparison.study.data.test
    assert half[3].startswith(tuple(f"{i} of {(test.labels == 0).sum()} (" for i in range(4)))


def test_a_threshold_decides(finished, image_folder, tmp_path):
    _, model, file = finished()
    predictor = load_predictor(file, backbone=model)
    pictures = sorted(image_folder.rglob("*.png"))
    predicted = predict_files(predictor, pictures, tmp_path / "out", threshold=0.2)
    rows = predicted.rows
    expected = ["fine" if p >= 0.2 else "medium" for p in rows["fine"]]
    assert rows["prediction"] == expected
    for decided, probability, fine in zip(
        rows["prediction"], rows["probability"], rows["fine"], strict=True
    ):
        assert probability == pytest.approx(fine if decided == "fine" else 1 - fine)


def test_options_that_do_not_fit(finished, image_folder, tmp_path):
    _, model, file = finished(3)
    predictor = load_predictor(file, backbone=model)
    picture = next(image_folder.rglob("*.png"))
    assert threshold_table(predictor) is None
    with pytest.raises(InputError, match="threshold must be left out for this head"):
        predict_files(predictor, [picture], tmp_path / "out", threshold=0.5)
    with pytest.raises(InputError, match="arrays must be left out"):
        predict_files(predictor, [picture], tmp_path / "out", arrays=True)
    assert not (tmp_path / "out").exists()


def test_a_threshold_is_a_probability(finished, image_folder, tmp_path):
    _, model, file = finished()
    predictor = load_predictor(file, backbone=model)
    with pytest.raises(InputError, match="threshold must be between 0 and 1, but got 20"):
        predict_files(predictor, sorted(image_folder.rglob("*.png")), tmp_path, threshold=20)


def test_names_of_classes_that_are_lost(finished, tmp_path):
    _, model, file = finished()
    loaded = load_head(file, heads_of)
    facts = {**loaded.facts, "class_names": ["one"]}
    save_head(tmp_path / "head", loaded.head, name=loaded.name, facts=facts)
    with pytest.raises(InputError, match="a name for each of its 2 scores, but has 1"):
        load_predictor(tmp_path / "head", backbone=model)


def test_a_legend_names_what_is_there(image_folder):
    image = Image.open(next(image_folder.rglob("*.png"))).convert("RGB")
    predicted = np.zeros((image.height, image.width), np.int16)
    predicted[:, 20:] = 2
    labels = Labels(3, ("wall", "floor", "lamp"))
    assert [text for text, _ in labels.legend(predicted)] == ["lamp 75%", "wall 25%"]
    drawn = draw_overlay(image, predicted, labels)
    assert drawn.height == image.height
    legend = np.asarray(drawn)[:, image.width :].reshape(-1, 3)
    for _, colour in labels.legend(predicted):
        assert (legend == colour).all(axis=1).any()


def test_a_legend_of_depth_goes_from_near_to_far(image_folder):
    metres = np.linspace(1, 5, 48, dtype=np.float32)[None].repeat(64, axis=0)
    texts = [text for text, _ in Metres(1).legend(metres)]
    assert texts[0] < texts[-1]
    assert texts[2] == "3.00 m"


def test_a_crowded_legend_says_what_it_leaves_out(image_folder):
    image = Image.open(next(image_folder.rglob("*.png"))).convert("RGB")
    predicted = np.arange(image.height * image.width).reshape(image.height, image.width) % 40
    labels = Labels(40, tuple(f"class {i}" for i in range(40)))
    assert draw_overlay(image, predicted.astype(np.int16), labels).width > image.width
