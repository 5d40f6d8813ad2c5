"""`load`: names, folders and files of every library, without a network."""

import json
import urllib.error

import open_clip
import pytest
import torch
import torchvision
import transformers as hf
from safetensors.torch import save_file

import polyscale
from polyscale import errors
from polyscale.errors import InputError, MissingExtraError, RunError
from polyscale.operator.backbones import ReadOptions, list_sources
from polyscale.operator.backbones.open_clip_models import adapt_open_clip
from polyscale.operator.backbones.torchvision_models import adapt_torchvision
from polyscale.operator.backbones.transformers_models import adapt_transformers

VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
TEXT = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT |= {"bos_token_id": 1, "eos_token_id": 2}
DINO = {k: v for k, v in VISION.items() if k != "intermediate_size"}
STAGES = {"hidden_sizes": [8, 8, 16, 32], "depths": [1, 1, 1, 1]}
PROCESSOR = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}


def dinov3():
    pytest.importorskip("transformers", minversion="4.56")
    return hf.DINOv3ViTModel(hf.DINOv3ViTConfig(num_register_tokens=4, **VISION))


HF = {
    "clip": lambda: hf.CLIPModel(hf.CLIPConfig(vision_config=VISION, text_config=TEXT)),
    "clip vision": lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**VISION)),
    "siglip": lambda: hf.SiglipModel(hf.SiglipConfig(vision_config=VISION, text_config=TEXT)),
    "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**DINO)),
    "dinov3": dinov3,
    "classifier": lambda: hf.ViTForImageClassification(hf.ViTConfig(**VISION)),
    "convnext": lambda: hf.ConvNextModel(hf.ConvNextConfig(image_size=64, **STAGES)),
}


def folder_of(model, path, processor=None):
    model.save_pretrained(path)
    if processor is not None:
        (path / "preprocessor_config.json").write_text(json.dumps(processor))
    return path


@pytest.mark.parametrize("name", HF)
def test_transformers_folder(name, tmp_path):
    model = HF[name]().eval()
    folder = folder_of(model, tmp_path, PROCESSOR)
    backbone, live = polyscale.load(f"hf:{folder}"), adapt_transformers(model)
    assert backbone.name == f"hf:{folder}"
    assert (backbone.mean, backbone.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert not backbone.training
    assert not any(p.requires_grad for p in backbone.parameters())
    tiles = torch.randn(2, 3, *live.tile_hw)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, live(tiles).map, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(backbone(tiles).prefix, live(tiles).prefix)


@pytest.mark.parametrize("name", HF)
def test_transformers_without_weights(name, tmp_path):
    folder = folder_of(HF[name](), tmp_path)
    backbone, bare = (polyscale.load(f"hf:{folder}", weights=w) for w in (True, False))
    assert all(p.is_meta for p in bare.parameters())
    shapes = {k: v.shape for k, v in backbone.state_dict().items()}
    assert shapes == {k: v.shape for k, v in bare.state_dict().items()}
    assert (backbone.grid_hw, backbone.dim) == (bare.grid_hw, bare.dim)
    assert bare.mean is None


def test_transformers_half_precision_weights_are_read_as_float32(tmp_path):
    folder = folder_of(HF["dinov2"]().half(), tmp_path)
    backbone = polyscale.load(f"hf:{folder}")
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}


def test_transformers_choices(tmp_path):
    folder = folder_of(HF["dinov2"](), tmp_path)
    module = polyscale.wrap(f"hf:{folder}", (1, 2), tile_hw=(64, 64), layers=(-2, -1), norm=False)
    assert module.backbone.name == f"hf:{folder}[layers=-2,-1;norm=no]"
    assert (module.backbone.tile_hw, module.backbone.grid_hw) == ((64, 64), (8, 8))
    assert module(torch.randn(1, 3, 128, 128)).map.shape == (1, 2 * 64, 8, 8)


def test_tile_size_from_the_image_processor(tmp_path):
    model = hf.ResNetModel(hf.ResNetConfig(embedding_size=8, **STAGES))
    folder = folder_of(model, tmp_path, {"crop_size": {"height": 64, "width": 96}})
    assert polyscale.load(f"hf:{folder}").tile_hw == (64, 96)
    folder_of(model, tmp_path, {"size": {"shortest_edge": 64}})
    assert polyscale.load(f"hf:{folder}").tile_hw == (64, 64)
    with pytest.raises(InputError, match="tile_hw must be given for hf:ResNetModel"):
        adapt_transformers(model)


def test_incomplete_weights_are_refused(tmp_path):
    folder = folder_of(HF["dinov2"](), tmp_path)
    weights = {"embeddings.cls_token": torch.zeros(1, 1, 32)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"must fill Dinov2Model, but \d+ of its tensors"):
        polyscale.load(f"hf:{folder}")


def test_code_in_a_repository_is_never_run(tmp_path):
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.M"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(InputError, match="Code in a repository is never run"):
        polyscale.load(f"hf:{tmp_path}")


class Bomb:
    """A pickle that runs code where it is read."""

    def __reduce__(self):
        return (exit, ("it ran",))


@pytest.mark.parametrize("form", ["hf", "open_clip", "torchvision"])
def test_code_in_weights_is_never_run(form, tmp_path):
    folder = folder_of(HF["dinov2"](), tmp_path)
    (folder / "model.safetensors").unlink()
    file = folder / "pytorch_model.bin"
    torch.save({"x": Bomb()}, file)
    names = {"hf": folder, "open_clip": f"ViT-B-32/{file}", "torchvision": f"resnet18/{file}"}
    with pytest.raises((InputError, RunError), match="cannot be loaded|must be a model"):
        polyscale.load(f"{form}:{names[form]}")


def test_a_file_of_another_architecture(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match="must hold the state dict of the architecture"):
        polyscale.load(f"torchvision:resnet18/{tmp_path / 'weights.pth'}")


OPEN_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


@pytest.mark.parametrize("form", ["folder", "file"])
def test_open_clip_from_disk(form, tmp_path):
    model = open_clip.CLIP(**OPEN_CLIP).eval()
    preprocess = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}
    if form == "folder":
        config = {"model_cfg": OPEN_CLIP, "preprocess_cfg": preprocess}
        (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
        save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")
        source = f"open_clip:{tmp_path}"
    else:
        (tmp_path / "tiny.json").write_text(json.dumps(OPEN_CLIP))
        open_clip.add_model_config(tmp_path / "tiny.json")
        torch.save(model.state_dict(), tmp_path / "weights.pt")
        source = f"open_clip:tiny/{tmp_path / 'weights.pt'}"
    backbone, live = polyscale.load(source), adapt_open_clip(model)
    tiles = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, live(tiles).map)
    if form == "folder":
        assert (backbone.mean, backbone.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    bare = polyscale.load(source, weights=False)
    assert all(p.is_meta for p in bare.parameters())
    assert (bare.grid_hw, bare.dim, bare.mean) == (backbone.grid_hw, backbone.dim, backbone.mean)


def test_open_clip_by_name():
    backbone = polyscale.load("open_clip:ViT-B-16-SigLIP", weights=False)
    assert (backbone.tile_hw, backbone.num_prefix) == ((224, 224), 0)
    assert backbone.mean == (0.5, 0.5, 0.5)


def test_open_clip_weights_have_their_own_activation(monkeypatch):
    asked = {}
    created = open_clip.create_model
    monkeypatch.setattr(
        open_clip, "create_model", lambda *a, **k: asked.update(k) or created(*a, **k)
    )
    polyscale.load("open_clip:ViT-B-32/openai", weights=False)
    assert asked["force_quick_gelu"] is True
    polyscale.load("open_clip:ViT-B-32/laion2b_s34b_b79k", weights=False)
    assert asked["force_quick_gelu"] is False


def test_torchvision_file(tmp_path):
    model = torchvision.models.resnet18().eval()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    backbone = polyscale.load(f"torchvision:resnet18/{tmp_path / 'weights.pth'}")
    live = adapt_torchvision(model, ReadOptions(tile_hw=(224, 224)))
    assert backbone.tile_hw == (224, 224)
    assert backbone.mean == (0.485, 0.456, 0.406)
    tiles = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, live(tiles).map, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "tile", "dim"),
    [
        ("regnet_y_400mf", 224, 440),
        ("efficientnet_v2_s", 384, 1280),
        ("vit_b_16/IMAGENET1K_SWAG_E2E_V1", 384, 768),
        ("googlenet", 224, 1024),
    ],
)
def test_torchvision_by_name(name, tile, dim):
    backbone = polyscale.load(f"torchvision:{name}", weights=False)
    assert (backbone.tile_hw, backbone.dim) == ((tile, tile), dim)
    assert all(p.is_meta for p in backbone.parameters())


def test_torchvision_hides_no_step_of_its_forward():
    """Inception shifts its channels, DenseNet ends in an activation: outside their children."""
    inception = torchvision.models.googlenet(init_weights=False, transform_input=True).eval()
    densenet = torchvision.models.densenet121().eval()
    tiles = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for model, head in ((inception, inception.fc), (densenet, densenet.classifier)):
            backbone = adapt_torchvision(model, ReadOptions(tile_hw=(64, 64)))
            logits = head(backbone(tiles).map.mean(dim=(2, 3)))
            torch.testing.assert_close(logits, model(tiles), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf:./no/such/folder", "does not exist"),
        ("open_clip:./no/such/folder", "does not exist"),
        ("open_clip:ViT-B-3/openai", "knows no model 'ViT-B-3'. Did you mean 'ViT-B-32'"),
        ("open_clip:ViT-B-32/opena", "but got 'opena'. Did you mean 'openai'"),
        ("open_clip:ViT-B-32", "must name weights or a file of them, but got none"),
        ("torchvision:resnet5", "knows no model 'resnet5'. Did you mean 'resnet50'"),
        ("torchvision:resnet50/IMAGENET1K_V9", "but got 'IMAGENET1K_V9'.* It has IMAGENET1K_V1"),
        ("nothing:at_all", "source must be pip:NAME"),
    ],
)
def test_bad_names(source, message):
    with pytest.raises(InputError, match=message):
        polyscale.load(source)


def test_an_unreachable_hub_is_one_line(monkeypatch):
    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "/nonexistent-and-never-made")
    monkeypatch.setattr("os.makedirs", lambda *args, **kwargs: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for source in ("torchvision:resnet18", "hf:nobody/nothing", "open_clip:ViT-B-32/laion2b_e16"):
        with pytest.raises(RunError, match="cannot be loaded") as caught:
            polyscale.load(source)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "package", "extra"),
    [
        ("hf:a/b", "transformers", "transformers"),
        ("open_clip:ViT-B-32/openai", "open_clip", "open_clip"),
        ("torchvision:resnet18", "torchvision", "timm"),
        ("timm:resnet18", "timm", "timm"),
    ],
)
def test_missing_package_names_the_extra(source, package, extra, monkeypatch):
    found = errors.find_spec
    monkeypatch.setattr(errors, "find_spec", lambda n: None if n == package else found(n))
    with pytest.raises(MissingExtraError, match=rf"pip install 'polyscale\[{extra}\]'"):
        polyscale.load(source)


def test_sources_are_listed():
    assert [s.source for s in list_sources("torchvision:resnet1?")] == ["torchvision:resnet18"]
    assert "open_clip:ViT-B-32/openai" in {s.source for s in list_sources("open_clip:ViT-B-32/*")}
    schemes = {s.source.partition(":")[0] for s in list_sources("*resnet*")}
    assert schemes == {"timm", "torchvision"}
