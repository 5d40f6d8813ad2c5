"""`polyscale recipe`, on tiny models of the same architectures and data of the same layout."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import transformers as hf
from PIL import Image
from safetensors.torch import save_file

from polyscale.studies.recipes import (
    ALL_RECIPES,
    CAPACITIES,
    MULTIMODAL,
    PRETRAININGS,
    RECIPES,
    RECONSTRUCTIONS,
    get_recipe,
)

WNIDS = {"fine": "n02012849", "medium": "n01440764", "coarse": "n03126707"}
CLASSIFYING = [name for name, recipe in RECIPES.items() if recipe.task == "classification"]
SMALL_HEADS = {
    "mask2former": {
        "channels": 32,
        "queries": 4,
        "decoder_layers": 1,
        "pixel_layers": 1,
        "feedforward": 32,
        "attention_heads": 2,
        "points": 64,
    },
    "vpd": {"feature_channels": 16, "deconv_channels": 8, "channels": 8, "upsample": 1},
}
WIDTHS = (16, 24, 32)
"""Of the stand-ins for base, large and the largest, each told apart from the others."""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Times and intervals do not matter here."""
    monkeypatch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
    monkeypatch.setattr("polyscale.studies.compare.costs.TURNS", 2)
    for module in ("image_bootstrap", "intervals"):
        monkeypatch.setattr(f"polyscale.stats.{module}.NUM_RESAMPLES", 100)


@pytest.fixture
def imagenet(image_folder, tmp_path):
    """Four images of each of three classes; six flat ones for validation and their solution."""
    root = tmp_path / "imagenet"
    (root / "val").mkdir(parents=True)
    for name, wnid in WNIDS.items():
        folder = shutil.copytree(image_folder / name, root / "train" / wnid)
        for number in range(6, 12):
            (folder / f"{number}.png").unlink()
    lines = ["ImageId,PredictionString"]
    for number in range(6):
        wnid = sorted(WNIDS.values())[number % 3]
        stem = f"ILSVRC2012_val_{number + 1:08d}"
        (root / "train" / wnid / f"{number}.png").rename(root / "val" / f"{stem}.png")
        lines.append(f"{stem},{wnid} 1 2 3 4")
    (root / "LOC_val_solution.csv").write_text("\n".join(lines))
    return root


def tiny(checkpoint, width):
    """The checkpoint's architecture and tile, one layer deep and a few channels wide."""
    patch = 14 if checkpoint.model.endswith("14") else 16
    size = {"hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": 2}
    if "convnext" in checkpoint.source:
        widths = [width // 4, width // 4, width // 2, width]
        config = hf.ConvNextConfig(image_size=224, hidden_sizes=widths, depths=[1] * 4)
        return hf.ConvNextForImageClassification(config)
    if "dinov2" in checkpoint.source:
        swiglu = checkpoint.model.startswith("ViT-g")
        return hf.Dinov2Model(
            hf.Dinov2Config(image_size=518, patch_size=14, use_swiglu_ffn=swiglu, **size)
        )
    return hf.ViTModel(
        hf.ViTConfig(image_size=224, patch_size=patch, intermediate_size=2 * width, **size)
    )


def save_open_clip(checkpoint, width, folder):
    vision = {"image_size": 224, "patch_size": int(checkpoint.model.rpartition("/")[2])}
    vision |= {"width": width, "layers": 1, "head_width": 8}
    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    model = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3}
    config = {"model_cfg": model, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(open_clip.CLIP(**model).state_dict(), folder / "open_clip_model.safetensors")


def picture(generator, size_hw):
    """Blobs, so that no picture looks like another."""
    small = generator.integers(0, 255, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size_hw[::-1], Image.Resampling.BICUBIC)


@pytest.fixture
def ade20k(tmp_path):
    generator, root = np.random.default_rng(0), tmp_path / "ade20k"
    for split, num in (("training", 6), ("validation", 3)):
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True)
        for i in range(num):
            picture(generator, (48, 64)).save(root / f"images/{split}/{i}.jpg")
            mask = generator.integers(0, 151, (4, 4), dtype=np.uint8).repeat(12, 0).repeat(16, 1)
            Image.fromarray(mask).save(root / f"annotations/{split}/{i}.png")
    return root


@pytest.fixture
def nyu(tmp_path):
    generator, root = np.random.default_rng(0), tmp_path / "nyu"
    (root / "rooms").mkdir(parents=True)
    for split, num in (("train", 6), ("test", 3)):
        lines = []
        for i in range(num):
            image, depth = f"rooms/{split}{i}.jpg", f"rooms/{split}{i}.png"
            picture(generator, (48, 64)).save(root / image)
            metres = generator.integers(500, 9000, (4, 4)).astype(np.uint16)
            Image.fromarray(metres.repeat(12, 0).repeat(16, 1)).save(root / depth)
            lines.append(f"{image} {depth} 518.8579")
        (root / f"nyu_{split}.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def small_head(monkeypatch):
    """A recipe with a small head, small batches and three of its candidates."""

    def small_head(name):
        recipe = get_recipe(name)
        own = recipe.options
        options = {
            "head_options": SMALL_HEADS[own["head"]],
            "training": replace(own["training"], batch=2),
        }
        single, several, _, large, *_ = recipe.entries
        entries = (single, several, large)
        small = replace(recipe, options=own | options, entries=entries)
        monkeypatch.setattr("polyscale.studies.recipes.prepare.get_recipe", {name: small}.get)
        return small

    return small_head


@pytest.fixture
def weights(tmp_path):
    """Name of a recipe → a folder with stand-ins for its checkpoints."""

    def weights(name):
        root = tmp_path / "weights"
        for checkpoint, width in zip(get_recipe(name).repositories, WIDTHS, strict=False):
            folder = root / checkpoint.folder
            folder.mkdir(parents=True)
            if checkpoint.source.startswith("open_clip"):
                save_open_clip(checkpoint, width, folder)
            else:
                tiny(checkpoint, width).save_pretrained(folder)
                processor = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
                (folder / "preprocessor_config.json").write_text(json.dumps(processor))
        return root

    return weights


@pytest.fixture
def run(run):
    return lambda *arguments: run("recipe", *arguments, columns=200)


@pytest.mark.parametrize("name", CLASSIFYING)
def test_end_to_end(name, imagenet, weights, run, tmp_path):
    recipe, folder, out = get_recipe(name), weights(name), tmp_path / "out"
    command = ["run", name, "--data", f"imagenet:{imagenet}", "--weights-dir", folder]
    command += ["--out", out, "--cache", tmp_path / "cache"]
    result = run(*command)
    assert result.returncode == 0, result.stderr
    rows = json.loads((out / "results.json").read_text())
    assert len(rows) == len(recipe.entries)
    for row, entry in zip(rows, recipe.entries, strict=True):
        width = WIDTHS[recipe.checkpoints.index(entry.checkpoint)]
        assert tuple(row["scales"]) == entry.scales
        assert row["tile_hw"] == [224, 224]
        assert row["source"] == "base"
        assert row["feature_dim"] == width * (1 + entry.checkpoint.has_cls) * len(entry.scales)
        assert (row["num_train"], row["num_test"]) == (12, 6)
        assert row["settings"]["dtype"] == "fp32"
        assert row["settings"].get("protocol", "paper") == "paper"
    assert len({row["family"] for row in rows}) == 1
    for entry in recipe.entries:
        if entry.published is not None:
            assert f"{entry.published:.1f}" in result.stdout
    if name != "imagenet-vit":
        return
    again = run(*command)
    assert again.returncode == 0
    assert "already there" in again.stderr


@pytest.mark.parametrize("name", ["ade20k-vit", "nyu-openclip"])
def test_dense_end_to_end(name, weights, small_head, run, tmp_path, request):
    recipe, folder, out = small_head(name), weights(name), tmp_path / "out"
    scheme = recipe.data.scheme
    data = f"{scheme}:{request.getfixturevalue(scheme)}"
    command = ["run", name, "--data", data, "--weights-dir", folder, "--steps", 2, "--limit", 4]
    command += ["--out", out, "--cache", tmp_path / "cache"]
    result = run(*command)
    assert result.returncode == 0, result.stderr
    rows = json.loads((out / "results.json").read_text())
    assert len(rows) == len(recipe.entries)
    repositories = [c.repository for c in recipe.repositories]
    decimals = {"miou": 1, "rmse": 4}[recipe.data.metric]
    for row, entry in zip(rows, recipe.entries, strict=True):
        width = WIDTHS[repositories.index(entry.checkpoint.repository)]
        assert (row["task"], row["metric"]) == (recipe.task, recipe.data.metric)
        assert tuple(row["scales"]) == entry.scales
        assert row["tile_hw"] == [entry.checkpoint.tile_px] * 2
        assert row["feature_dim"] == width * len(entry.scales)
        # one of the four training images is held out
        assert (row["num_train"], row["num_test"]) == (3, 3)
        probe = row["probe"]
        assert (probe["steps"], probe["grid_hw"]) == (2, [32, 32])
        assert probe["views"] == {"segmentation": 2, "depth": 4}[recipe.task]
        assert f"{entry.published:.{decimals}f}" in result.stdout
        value = row["value"] * (100 if recipe.task == "segmentation" else 1)
        assert f"{value:.{decimals}f}" in result.stdout
    assert len({row["family"] for row in rows}) == 1
    (verdict,) = json.loads((out / "verdicts.json").read_text())
    assert "?tile=256@1,2," in verdict["s2"]["candidate"]
    assert ("Less is better" in result.stdout) == (recipe.task == "depth")
    assert (out / "report.html").stat().st_size > 0


def test_dense_dry_starts_nothing(ade20k, weights, run, tmp_path):
    folder = weights("ade20k-dinov2-untiled")
    for file in folder.rglob("*.safetensors"):
        file.unlink()  # the architecture is enough
    before = sorted(tmp_path.rglob("*"))
    data = ("--data", f"ade20k:{ade20k}", "--dry")
    local = run("run", "ade20k-dinov2-untiled", *data, "--weights-dir", folder, "--steps", 10)
    assert local.returncode == 0, local.stderr
    assert "6 training images and 3 test images, 150 classes" in local.stdout
    # two squares of three test images and one that is held out; 16 images a step
    words = "8 images or views of them, which run once, and 160 augmented images for each candidate"
    assert words in local.stdout
    assert f"{8 * 3 + 160 * (1 + 2 + 3)} tiles" in local.stdout.replace(",", "")
    hub = run("run", "ade20k-vit", *data)
    assert hub.returncode == 0, hub.stderr
    for words in ("951.2", "downloads of at most 4.1 GB", "2,560,000 augmented", "images/s"):
        assert words in hub.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_dry_starts_nothing(imagenet, weights, run, tmp_path, monkeypatch):
    folder = weights("imagenet-vit")
    for file in folder.rglob("*.safetensors"):
        file.unlink()  # the architecture is enough
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    command = ["run", "imagenet-vit", "--data", f"imagenet:{imagenet}", "--per-class", 3, "--dry"]
    local = run(*command, "--weights-dir", folder)
    assert local.returncode == 0, local.stderr
    assert "9 training images and 6 test images, 3 classes" in local.stdout
    # base at 1, 4 and 9 tiles, large and huge at one
    assert f"{15 * 16} tiles" in local.stdout
    assert "downloads of at most 0 bytes" in local.stdout
    assert "images/s" in local.stdout
    hub = run(*command)
    assert hub.returncode == 0, hub.stderr
    assert "245.8" in hub.stdout
    assert "downloads of at most 4.1 GB" in hub.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_list_and_show(run):
    names = [line.split()[0] for line in run("list").stdout.splitlines()]
    assert names == [*ALL_RECIPES]
    assert {*RECIPES, *MULTIMODAL, *RECONSTRUCTIONS, *CAPACITIES, *PRETRAININGS} < {*names}
    shown = run("show", "imagenet-dinov2").stdout
    for word in ("hf:facebook/dinov2-base?tile=224@1,2,3", "85.7", "Apache-2.0", "AdamW", "base"):
        assert word in shown
    shown = run("show", "nyu-vit").stdout
    for word in ("patch16-224-in21k?tile=256@1,2,6", "RMSE, m", "0.5079", "Eigen", "32×32"):
        assert word in shown
    shown = run("show", "llava-7b").stdout
    for word in ("patch14-336@1,2,3", "2,673.4", "576", "51.3", "vicuna-7b-v1.5", "likelihood"):
        assert word in shown
    shown = run("show", "reconstruct-vit").stdout
    for word in (
        "patch16-224-in21k@1,2,3",
        "Upper bound: google/vit-huge",
        "98.1",
        "0.601",
        "2304",
    ):
        assert word in shown
    shown = run("show", "capacity-vit").stdout
    for word in ("patch16-224-in21k@1,2", "1.223", "10,000 images", "AdamW without weight decay"):
        assert word in shown
    shown = run("show", "pretrain-vit").stdout
    for word in ("base with S²", "ViT-L/16", "82.4", "14,197,122 images", "batch 4096"):
        assert word in shown


def test_mistakes(imagenet, ade20k, weights, run, tmp_path, monkeypatch, refused):
    def check(*arguments, words, code=2):
        refused(run(*arguments), *words, code=code)
        assert not (tmp_path / "out").exists()

    data = ("--data", f"imagenet:{imagenet}", "--out", tmp_path / "out")
    check("show", "imagenet-vti", words=["Did you mean 'imagenet-vit'"])
    check("run", "imagenet", *data, words=["recipe must be one of imagenet-vit"])
    vit = ("run", "imagenet-vit")
    check(*vit, "--data", f"imagenet:{tmp_path / 'no'}", words=["train and val"])
    check(*vit, "--data", f"imagenet:{tmp_path}", words=["train and val"])
    check(*vit, "--data", f"folder:{imagenet}", words=["must be imagenet:PATH"])
    check(*vit, *data, "--steps", 3, words=["--steps is no option of classification"])
    dense = ("run", "ade20k-vit", "--out", tmp_path / "out", "--data")
    check(*dense, f"imagenet:{imagenet}", words=["must be ade20k:PATH"])
    check(*dense, f"ade20k:{imagenet}", words=["folders images and annotations"])
    check(
        *dense,
        f"ade20k:{imagenet}",
        "--per-class",
        5,
        words=["but got 'per_class'"],
    )
    check(*dense, f"ade20k:{imagenet}", "--limit", 1, words=["option limit of data", "at least 2"])
    least = "steps must be a whole number of at least 1"
    check(*dense, f"ade20k:{ade20k}", "--steps", 0, words=[least])
    check(*vit, *data, "--per-class", 1, words=["option per_class of data", "at least 3"])
    check(*vit, *data, "--dtype", "int8", words=["one of auto, fp32, bf16, fp16"])

    folder = weights("imagenet-vit")
    local = (*vit, *data, "--weights-dir", folder)
    processor = folder / "vit-large-patch16-224-in21k" / "preprocessor_config.json"
    processor.rename(tmp_path / "away.json")
    check(*local, words=["1 of 3 are not", "no preprocessor_config.json"], code=1)
    (tmp_path / "away.json").rename(processor)
    file = folder / "vit-huge-patch14-224-in21k" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    check(*local, words=["1 of 3 are not", "google/vit-huge-patch14-224-in21k"], code=1)
    file.unlink()
    words = ["1 of 3 are not", "google/vit-huge-patch14-224-in21k", "cannot be loaded"]
    check(*local, words=words, code=1)
    shutil.rmtree(folder / "vit-huge-patch14-224-in21k")
    shutil.rmtree(folder / "vit-base-patch16-224-in21k")
    check(
        *local,
        words=[str(folder), "has no vit-base-patch16-224-in21k, vit-huge-patch14-224-in21k"],
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    check(*vit, *data, words=["3 of 3 are not", "--weights-dir"], code=1)


def test_too_little_memory_is_told_before_anything_runs(imagenet, weights, run, monkeypatch):
    monkeypatch.setattr(
        "polyscale.studies.recipes.size.psutil.virtual_memory",
        lambda: SimpleNamespace(total=1000),
    )
    folder = weights("imagenet-vit")
    command = ["run", "imagenet-vit", "--data", f"imagenet:{imagenet}", "--weights-dir", folder]
    result = run(*command)
    assert result.returncode == 2
    assert "images must fit into memory as features, but 18 take about" in result.stderr
