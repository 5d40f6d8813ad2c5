"""What is saved comes back with equal features."""

import json
import shutil

import pytest
import torch
from torch import nn

import polyscale
from polyscale.errors import InputError, MissingExtraError, RunError
from polyscale.operator.backbones import ReadOptions, as_backbone
from polyscale.operator.backbones.sources import load_source
from polyscale.operator.multiscale import MultiScale

timm = pytest.importorskip("timm")
huggingface_hub = pytest.importorskip("huggingface_hub")
pytest.importorskip("safetensors")

IMAGES = torch.randn(2, 3, 130, 170)


def live(**options):
    backbone = as_backbone(timm.create_model("test_vit", img_size=64))
    return MultiScale(backbone, (1, 2), **{"frozen": True, **options}).eval()


def siglip():
    # before, its tower is of a class that transformers does not export
    transformers = pytest.importorskip("transformers", minversion="5.6")
    config = transformers.SiglipVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        image_size=64, patch_size=16,
    )  # fmt: skip
    backbone = as_backbone(transformers.SiglipVisionModel(config), ReadOptions(layers=(-2, -1)))
    return MultiScale(backbone, (1, 3), merge="mean", frozen=True).eval()


def lite(**options):
    backbone = load_source("pip:efficientnet_lite0", ReadOptions(tile_hw=(128, 128)))
    return MultiScale(backbone, (1, 2), output_grid="largest", **{"frozen": True, **options})


def trained():
    multiscale = lite(frozen=False)
    multiscale.requires_grad_(True)
    multiscale(torch.randn(1, 3, 128, 128)).map.square().mean().backward()
    torch.optim.SGD(multiscale.parameters(), lr=0.1).step()
    return multiscale.eval()


def saved_weights(folder):
    return (folder / "model.safetensors").exists()


@pytest.mark.parametrize(
    "make",
    [live, siglip] + [pytest.param(make, marks=pytest.mark.weights) for make in (lite, trained)],
)
def test_features_are_equal(make, tmp_path):
    multiscale = make()
    multiscale.save_pretrained(tmp_path)
    again = MultiScale.from_pretrained(tmp_path)
    with torch.no_grad():
        expected, found = multiscale(IMAGES), again(IMAGES)
    torch.testing.assert_close(found.tokens, expected.tokens)
    assert expected.map.std() > 1e-3
    assert again.config == multiscale.config
    assert again.frozen == multiscale.frozen
    assert not again.training
    # named and frozen weights are not copied
    assert saved_weights(tmp_path) == (make is not lite)


@pytest.mark.weights
def test_named_weights_that_were_changed_are_saved(tmp_path):
    multiscale = lite()
    with torch.no_grad():
        multiscale.backbone.model.conv_stem.weight.mul_(1.5)
    multiscale.save_pretrained(tmp_path)
    assert saved_weights(tmp_path)
    assert torch.equal(
        MultiScale.from_pretrained(tmp_path).backbone.model.conv_stem.weight,
        multiscale.backbone.model.conv_stem.weight,
    )
    lite().save_pretrained(tmp_path)
    assert not saved_weights(tmp_path)


def test_weights_keep_their_dtype(tmp_path):
    live().bfloat16().save_pretrained(tmp_path)
    again = MultiScale.from_pretrained(tmp_path)
    assert {p.dtype for p in again.parameters()} == {torch.bfloat16}


def test_the_folder_says_what_wrote_it(tmp_path):
    live().save_pretrained(tmp_path / "new" / "folder")
    found = json.loads((tmp_path / "new" / "folder" / "config.json").read_text())
    assert found["polyscale_version"] == polyscale.__version__
    assert "polyscale" in (tmp_path / "new" / "folder" / "README.md").read_text()


def test_a_backbone_that_cannot_be_built_again_is_refused(tmp_path):
    backbone = as_backbone(nn.AvgPool2d(16), ReadOptions(tile_hw=(64, 64)))
    with pytest.raises(InputError, match="must be as its library builds it"):
        MultiScale(backbone, (1,)).save_pretrained(tmp_path)


def test_the_hub_takes_and_gives_it(tmp_path, monkeypatch):
    def create_repo(self, repo_id, **options):
        return huggingface_hub.RepoUrl(f"https://huggingface.co/{repo_id}")

    def upload_folder(self, *, folder_path, **options):
        shutil.copytree(folder_path, tmp_path / "hub")
        return "https://huggingface.co/commit"

    asked = []

    def download(repo_id, **options):
        asked.append((repo_id, options["revision"]))
        return str(tmp_path / "hub")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    multiscale = live()
    assert multiscale.push_to_hub("user/name", private=True) == "https://huggingface.co/commit"
    again = MultiScale.from_pretrained("user/name", revision="v1")
    assert asked == [("user/name", "v1")]
    assert torch.equal(again(IMAGES).tokens, multiscale(IMAGES).tokens)


def damage(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "config.json").write_text("{"), "must hold what save_pretrained wrote"),
        (lambda f: (f / "config.json").write_text("[1]"), "must hold what save_pretrained wrote"),
        (lambda f: (f / "config.json").write_text("{}"), "does not: 'backbone'"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), "must hold what save_pretrained"),
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"no"), "does not: model.safetensors:"),
        (lambda f: damage(f, backbone={}), "must be what blueprint_of gave"),
        (lambda f: damage(f, weights=None), "must be what blueprint_of gave, but"),
        (lambda f: damage(f, operator={"scale": 1}), "must be what to_json wrote"),
        (lambda f: damage(f, model_type="bert", backbone=None), "must be what blueprint_of gave"),
    ],
)
def test_damaged_and_foreign_files_are_refused(tmp_path, harm, message):
    live().save_pretrained(tmp_path)
    harm(tmp_path)
    with pytest.raises(InputError, match=message):
        MultiScale.from_pretrained(tmp_path)


def test_weights_of_another_model_are_refused(tmp_path):
    live().save_pretrained(tmp_path / "one")
    other = as_backbone(timm.create_model("test_efficientnet"))
    MultiScale(other, (1,)).save_pretrained(tmp_path / "two")
    shutil.copy(tmp_path / "two" / "model.safetensors", tmp_path / "one")
    with pytest.raises(InputError, match=r"does not: Error\(s\) in loading state_dict"):
        MultiScale.from_pretrained(tmp_path / "one")


def test_a_repository_out_of_reach_is_a_run_error(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RunError, match="no/one cannot be fetched"):
        MultiScale.from_pretrained("no/one", cache_dir=tmp_path)


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("polyscale.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'polyscale\[hub\]'"):
        live().save_pretrained(tmp_path)
