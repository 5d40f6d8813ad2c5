"""Segmentation and depth from the command line: compare, then predict."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

CANDIDATES = ("pip:efficientnet_lite0@1", "pip:efficientnet_lite0@1,2")

pytestmark = [pytest.mark.weights, pytest.mark.usefixtures("empty_folder")]


@pytest.fixture(scope="module")
def compare(run, scenes, tmp_path_factory):
    """Runs a task into the module's folder of this task."""
    root = tmp_path_factory.mktemp("runs")

    def compare(task, *options, data=f"pairs:{scenes}"):
        return run(
            *("compare", "--task", task, "--data", data, "--out", root / task),
            *("--cache", root / "cache", "--steps", "10", *options, "--candidates", *CANDIDATES),
        )

    compare.root = root
    return compare


@pytest.fixture(scope="module")
def segmentation(compare):
    """A finished run."""
    assert compare("segmentation").returncode == 0
    return compare.root / "segmentation"


def pixels(file):
    with Image.open(file) as image:
        return np.asarray(image)


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_compare_then_predict(task, run, compare, scenes, tmp_path):
    compared = compare(task)
    assert compared.returncode == 0, compared.stderr
    assert "efficientnet_lite0 at scale" in compared.stdout
    rows = json.loads((compare.root / task / "results.json").read_text())
    head = compare.root / task / rows[1]["probe"]["file"]
    picture = scenes / "images/val/1.png"
    done = run("predict", "--head", head, "--out", "said", "--arrays", picture)
    assert done.returncode == 0, done.stderr
    array = np.load("said/1.npy")
    plain, overlay = pixels("said/1.png"), pixels("said/1_overlay.png")
    assert array.shape == plain.shape == (64, 96)
    assert (overlay.shape[0], overlay.shape[2]) == (64, 3)
    assert overlay.shape[1] > 96  # the legend
    if task == "segmentation":
        np.testing.assert_array_equal(plain, array)
        assert (tmp_path / "said/classes.txt").read_text().splitlines()[0].startswith("0 ")
    else:
        np.testing.assert_allclose(plain / 1000, array, atol=6e-4)
        assert plain.dtype == np.uint16
    again = compare(task)
    assert "This very run is already there" in again.stderr
    assert again.stdout == compared.stdout


def test_large_and_odd_pictures(run, segmentation, tmp_path):
    head = segmentation / "heads/0.safetensors"
    generator = np.random.default_rng(0)
    sizes = {"tiny": (9, 9), "wide": (37, 2000), "grey": (50, 40)}
    for name, size in sizes.items():
        image = Image.fromarray(generator.integers(0, 255, (*size, 3), dtype=np.uint8))
        (image.convert("L") if name == "grey" else image).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "wide.png").read_bytes()[:500])
    files = [tmp_path / f"{name}.png" for name in (*sizes, "broken")]
    done = run("predict", "--head", head, "--out", "said", *files)
    assert done.returncode == 1
    assert "3 of 4 pictures" in done.stdout
    assert "broken.png" in done.stderr
    for name, size in sizes.items():
        assert pixels(f"said/{name}.png").shape == size
    (tmp_path / "full/wide.png").mkdir(parents=True)
    done = run("predict", "--head", head, "--out", "full", files[1])
    assert done.returncode == 1
    assert "out 'full' cannot be written" in done.stderr


def test_bad_heads_and_pictures_are_refused(run, segmentation, tmp_path, pairs_folder, refused):
    picture, head = pairs_folder / "images/val/1.png", segmentation / "heads/0.safetensors"
    refused(run("predict", "--head", "none.safetensors", picture), "none.safetensors")
    refused(run("predict", "--head", picture, picture), "head")
    refused(run("predict", "--head", head, "none.png"), "'none.png' does not exist")
    refused(
        run("predict", "--head", head, "--backbone", "pip:efficientnet_lite1", picture),
        "weights_hash",
    )
    refused(
        run("predict", "--head", head, picture, pairs_folder / "images/train/1.png"),
        "'1' comes more than once",
    )
    copies = pairs_folder / "copies"
    copies.mkdir()
    for name in ("1.png", "1_overlay.png"):
        (copies / name).write_bytes(picture.read_bytes())
    refused(run("predict", "--head", head, copies), "'1_overlay' comes more than once")
    refused(
        run("predict", "--head", head, "--out", copies, copies / "1.png"),
        "out must be another folder than that of the pictures",
    )
    save_file(load_file(head), "plain.safetensors")
    refused(run("predict", "--head", "plain.safetensors", picture), "head of polyscale")
    assert not (tmp_path / "predictions").exists()


def test_bad_options_are_refused(compare, refused):
    refused(compare("segmentation", "--head", "vpd"), "head must be one of linear, upernet")
    refused(compare("depth", "--head", "mask2former"), "head must be one of linear, dpt, vpd")
    refused(compare("depth", "--grid", "big"), "grid must be auto, base, largest or HEIGHTxWIDTH")
    refused(compare("depth", "--grid", "5000x5000"), "grid must be such that a batch of maps fits")
    refused(compare("depth", "--windows", "big"), "windows must be one of whole, slide")
    refused(compare("segmentation", "--probes"), "--probes is no option of segmentation")
    refused(compare("segmentation", "--head", "knn"), "fitted in one go")
    refused(compare("segmentation", "--steps", "0"), "steps must be a whole number of at least 1")
    refused(compare("segmentation", data="folder:photos"), "data must be rooms")
