"""`polyscale recipe`, on tiny models of the same architectures and data of the same layout."""

import json
import shutil
import sys
from types import SimpleNamespace

import open_clip
import pytest
import transformers as hf
from safetensors.torch import save_file

from polyscale.cli import main
from polyscale.studies.recipes import get_recipe, recipes

WNIDS = {"fine": "n02012849", "medium": "n01440764", "coarse": "n03126707"}
WIDTHS = (16, 24, 32)
"""Of the stand-ins for base, large and the largest, each told apart from the others."""


@pytest.fixture
def imagenet(image_folder, tmp_path):
    """Training images in class folders, and six flat ones for validation with their solution."""
    root = tmp_path / "imagenet"
    (root / "val").mkdir(parents=True)
    for name, wnid in WNIDS.items():
        shutil.copytree(image_folder / name, root / "train" / wnid)
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


@pytest.fixture
def weights(tmp_path):
    """Name of a recipe → a folder with stand-ins for its checkpoints."""

    def weights(name):
        root = tmp_path / "weights"
        for checkpoint, width in zip(get_recipe(name).checkpoints, WIDTHS, strict=True):
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
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["polyscale", "recipe", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(
            returncode=left.value.code or 0, stdout=printed.out, stderr=printed.err
        )

    return run


@pytest.mark.parametrize("name", recipes())
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
        assert (row["num_train"], row["num_test"]) == (30, 6)
        assert row["settings"]["dtype"] == "fp32"
        assert row["settings"].get("protocol", "paper") == "paper"
    assert len({row["family"] for row in rows}) == 1
    for entry in recipe.entries:
        if entry.top1 is not None:
            assert f"{entry.top1:.1f}" in result.stdout
    if name != "imagenet-vit":
        return
    again = run(*command)
    assert again.returncode == 0
    assert "already there" in again.stderr


def test_dry_starts_nothing(imagenet, weights, run, tmp_path, monkeypatch):
    folder = weights("imagenet-vit")
    for file in folder.rglob("*.safetensors"):
        file.unlink()  # the architecture is enough
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    command = ["run", "imagenet-vit", "--data", f"imagenet:{imagenet}", "--per-class", 3, "--dry"]
    local = run(*command, "--weights-dir", folder)
    assert local.returncode == 0, local.stderr
    assert "9 training and 6 test images, 3 classes" in local.stdout
    # base at 1, 4 and 9 tiles, large and huge at one
    assert f"{15 * 16} tiles" in local.stdout
    assert "downloads of at most 0.0 kB" in local.stdout
    assert "images/s" in local.stdout
    hub = run(*command)
    assert hub.returncode == 0, hub.stderr
    assert "245.8" in hub.stdout
    assert "downloads of at most 4.1 GB" in hub.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_list_and_show(run):
    assert [line.split()[0] for line in run("list").stdout.splitlines()] == list(recipes())
    shown = run("show", "imagenet-dinov2").stdout
    for word in ("hf:facebook/dinov2-base?tile=224@1,2,3", "85.7", "Apache-2.0", "AdamW", "base"):
        assert word in shown


def test_mistakes(imagenet, weights, run, tmp_path, monkeypatch):
    def refused(*arguments, words, code=2):
        result = run(*arguments)
        assert result.returncode == code, result.stderr
        (line,) = [row for row in result.stderr.splitlines() if row.startswith("error: ")]
        for word in words:
            assert word in line
        assert not (tmp_path / "out").exists()

    data = ("--data", f"imagenet:{imagenet}", "--out", tmp_path / "out")
    refused("show", "imagenet-vti", words=["Did you mean 'imagenet-vit'"])
    refused("run", "imagenet", *data, words=["recipe must be one of imagenet-vit"])
    vit = ("run", "imagenet-vit")
    refused(*vit, "--data", f"imagenet:{tmp_path / 'no'}", words=["does not exist"])
    refused(*vit, "--data", f"imagenet:{tmp_path}", words=["train and val"])
    refused(*vit, "--data", f"folder:{imagenet}", words=["must be imagenet:PATH"])
    refused(*vit, *data, "--per-class", 1, words=["per_class must be at least 3"])
    refused(*vit, *data, "--dtype", "int8", words=["fp32, bf16, fp16"])

    folder = weights("imagenet-vit")
    local = (*vit, *data, "--weights-dir", folder)
    processor = folder / "vit-large-patch16-224-in21k" / "preprocessor_config.json"
    processor.rename(tmp_path / "away.json")
    refused(*local, words=["1 of 3 are not", "no preprocessor_config.json"], code=1)
    (tmp_path / "away.json").rename(processor)
    file = folder / "vit-huge-patch14-224-in21k" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    refused(*local, words=["1 of 3 are not", "google/vit-huge-patch14-224-in21k"], code=1)
    file.unlink()
    words = ["1 of 3 are not", "google/vit-huge-patch14-224-in21k", "cannot be loaded"]
    refused(*local, words=words, code=1)
    shutil.rmtree(folder / "vit-huge-patch14-224-in21k")
    shutil.rmtree(folder / "vit-base-patch16-224-in21k")
    refused(
        *local,
        words=[str(folder), "has no vit-base-patch16-224-in21k, vit-huge-patch14-224-in21k"],
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(*vit, *data, words=["3 of 3 are not", "--weights-dir"], code=1)


def test_too_little_memory_is_told_before_anything_runs(imagenet, weights, run, monkeypatch):
    monkeypatch.setattr(
        "polyscale.studies.recipes.size.psutil.virtual_memory", lambda: SimpleNamespace(total=1000)
    )
    folder = weights("imagenet-vit")
    command = ["run", "imagenet-vit", "--data", f"imagenet:{imagenet}", "--weights-dir", folder]
    result = run(*command)
    assert result.returncode == 2
    assert "images must fit into memory as features, but 36 take about" in result.stderr
