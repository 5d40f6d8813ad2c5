import open_clip
import pytest
import torch
import transformers as hf

import polyscale
from polyscale.backbones import ReadOptions, family_of
from polyscale.backbones.transformers_models import adapt_transformers
from polyscale.cost import count_tile
from polyscale.data.paper import load_paper
from polyscale.studies.recipes import recipes, size_recipe

VIT = {
    "ViT-B/16": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "ViT-L/16": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    "ViT-H/14": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16},
    "ViT-B/14": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "ViT-L/14": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    "ViT-g/14": {"hidden_size": 1536, "num_hidden_layers": 40, "num_attention_heads": 24},
}
CONVNEXT = {"ConvNeXt-B": 128, "ConvNeXt-L": 192, "ConvNeXt-XL": 256}
CHECKPOINTS = [c for recipe in recipes().values() for c in recipe.checkpoints]


def build(checkpoint):
    """The published architecture, on the meta device."""
    if checkpoint.source.startswith("open_clip:"):
        return polyscale.load(checkpoint.source, weights=False)
    with torch.device("meta"):
        if "convnext" in checkpoint.source:
            width = CONVNEXT[checkpoint.model]
            widths, depths = [width * 2**i for i in range(4)], [3, 3, 27, 3]
            return adapt_transformers(
                hf.ConvNextModel(hf.ConvNextConfig(hidden_sizes=widths, depths=depths))
            )
        size = VIT[checkpoint.model] | {"patch_size": int(checkpoint.model[-2:])}
        if "dinov2" in checkpoint.source:
            swiglu = checkpoint.model == "ViT-g/14"
            config = hf.Dinov2Config(image_size=518, use_swiglu_ffn=swiglu, **size)
            return adapt_transformers(hf.Dinov2Model(config), ReadOptions(tile_hw=(224, 224)))
        config = hf.ViTConfig(intermediate_size=4 * size["hidden_size"], **size)
        return adapt_transformers(hf.ViTModel(config, add_pooling_layer=False))


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda c: c.source)
def test_figures_of_checkpoints_are_those_of_the_architecture(checkpoint):
    backbone = build(checkpoint)
    cost = count_tile(backbone)
    assert backbone.tile_hw == (224, 224)
    assert (backbone.dim, backbone.has_cls) == (checkpoint.dim, checkpoint.has_cls)
    assert cost.macs / 1e9 == pytest.approx(checkpoint.tile_gmacs, abs=0.005)
    assert cost.params / 1e6 == pytest.approx(checkpoint.params_m, abs=0.05)


def test_open_clip_knows_the_weights_by_the_same_repository():
    for checkpoint in recipes()["imagenet-openclip"].checkpoints:
        architecture, _, tag = checkpoint.source.partition(":")[2].partition("/")
        config = open_clip.get_pretrained_cfg(architecture, tag)
        assert config["hf_hub"].rstrip("/") == checkpoint.repository


def test_recipes_cover_the_papers_table():
    printed = {
        (row.family, row.model, row.scales): (row.value, row.gmacs)
        for row in load_paper("classification")
    }
    families = {"imagenet-vit": "ViT", "imagenet-dinov2": "DINOv2", "imagenet-openclip": "OpenCLIP"}
    found = {}
    for name, family in families.items():
        recipe = recipes()[name]
        for entry, cost in zip(recipe.entries, size_recipe(recipe).candidates, strict=True):
            found[family, entry.checkpoint.model, entry.scales] = (entry.top1, cost.macs / 1e9)
    assert found.keys() == printed.keys()
    for key, (top1, gmacs) in printed.items():
        assert found[key] == (top1, pytest.approx(gmacs, rel=1e-3))
    assert all(entry.top1 is None for entry in recipes()["imagenet-convnext"].entries)


@pytest.mark.parametrize("weights_dir", [None, "/models"])
@pytest.mark.parametrize("recipe", recipes().values(), ids=lambda r: r.name)
def test_candidates_of_a_recipe_are_one_family(recipe, weights_dir):
    candidates = [entry.candidate(weights_dir) for entry in recipe.entries]
    assert len({family_of(c.backbone) for c in candidates}) == 1
    assert len(set(candidates)) == len(candidates)
    assert all(polyscale.types.Candidate.parse(str(c)) == c for c in candidates)


def test_sizes_by_hand():
    size = size_recipe(recipes()["imagenet-vit"], num_train=90, num_test=10, num_classes=5)
    # scales of base are computed once, however many candidates use them
    assert size.tiles == 100 * (1 + 4 + 9 + 1 + 1)
    assert size.macs == pytest.approx(100 * 1e9 * (14 * 17.56 + 61.55 + 167.29))
    assert size.feature_bytes == 100 * 4 * 2 * (3 * 768 + 1024 + 1280)
    assert [c.feature_dim for c in size.candidates] == [1536, 3072, 4608, 2048, 2560]
    # base's three scales, and once more side by side; probabilities of five candidates
    assert size.memory_bytes == 100 * (4 * 2 * 4608 + 5 * 5 * 8)
    assert size.probe_macs == 2 * 30 * 5 * 90 * (1536 + 3072 + 4608 + 2048 + 2560) * 5


@pytest.mark.parametrize("there_gb", [8, 64, 110])
def test_what_is_said_to_fit_fits(there_gb):
    recipe = recipes()["imagenet-vit"]
    fits = size_recipe(recipe).fitting_per_class(there_gb * 10**9)
    test = 1000 * min(fits, 50)
    taken = size_recipe(recipe, num_train=1000 * fits, num_test=test).memory_bytes
    assert 0.7 < taken / (there_gb * 1e9) <= 0.81
