import open_clip
import pytest
import torch
import transformers as hf

import polyscale
from polyscale.data.published import load_paper
from polyscale.operator.backbones import ReadOptions
from polyscale.operator.backbones.transformers_models import adapt_transformers
from polyscale.operator.cost import count_tile
from polyscale.studies.compare.family import family_of
from polyscale.studies.recipes import RECIPES, fitting_per_class, size_recipe
from polyscale.studies.recipes.size import count_head
from polyscale.studies.recipes.table import CHECKPOINTS
from polyscale.tasks import SegmentationSettings

VIT = {
    "ViT-B/16": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "ViT-L/16": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    "ViT-H/14": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16},
    "ViT-B/14": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "ViT-L/14": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    "ViT-g/14": {"hidden_size": 1536, "num_hidden_layers": 40, "num_attention_heads": 24},
}
CONVNEXT = {"ConvNeXt-B": 128, "ConvNeXt-L": 192, "ConvNeXt-XL": 256}
DENSE = [recipe for recipe in RECIPES.values() if recipe.task != "classification"]
TABLES = {"ade20k": "segmentation", "nyu": "depth"}
FAMILIES = {"vit": "ViT", "dinov2": "DINOv2", "openclip": "OpenCLIP"}


@pytest.fixture(autouse=True)
def quick_heads(monkeypatch):
    """Operations of heads, which take seconds to count, are those of one product of the map."""

    def quick(kind, grid_hw, *, in_channels, **_):
        return in_channels

    monkeypatch.setattr("polyscale.studies.recipes.size.count_head", quick)


def build(checkpoint):
    """The published architecture, on the meta device."""
    if checkpoint.source.startswith("open_clip:"):
        return polyscale.load(checkpoint.at(), weights=False)
    options = ReadOptions(tile_hw=(checkpoint.tile_px,) * 2)
    with torch.device("meta"):
        if "convnext" in checkpoint.source:
            width = CONVNEXT[checkpoint.model]
            widths, depths = [width * 2**i for i in range(4)], [3, 3, 27, 3]
            return adapt_transformers(
                hf.ConvNextModel(hf.ConvNextConfig(hidden_sizes=widths, depths=depths)), options
            )
        size = VIT[checkpoint.model] | {"patch_size": int(checkpoint.model[-2:])}
        if "clip" in checkpoint.source:
            inner = 4 * size["hidden_size"]
            config = hf.CLIPVisionConfig(image_size=336, intermediate_size=inner, **size)
            return adapt_transformers(hf.CLIPVisionModel(config), options)
        if "dinov2" in checkpoint.source:
            swiglu = checkpoint.model == "ViT-g/14"
            config = hf.Dinov2Config(image_size=518, use_swiglu_ffn=swiglu, **size)
            return adapt_transformers(hf.Dinov2Model(config), options)
        config = hf.ViTConfig(intermediate_size=4 * size["hidden_size"], **size)
        return adapt_transformers(hf.ViTModel(config, add_pooling_layer=False), options)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS.values(), ids=lambda c: c.at())
def test_figures_of_checkpoints_are_those_of_the_architecture(checkpoint):
    backbone = build(checkpoint)
    cost = count_tile(backbone)
    assert backbone.tile_hw == (checkpoint.tile_px,) * 2
    assert backbone.grid_hw == checkpoint.grid_hw
    assert (backbone.dim, backbone.has_cls) == (checkpoint.dim, checkpoint.has_cls)
    assert cost.macs / 1e9 == pytest.approx(checkpoint.gmacs, abs=0.005)
    assert cost.params / 1e6 == pytest.approx(checkpoint.params_m, abs=0.05)


def test_open_clip_knows_the_weights_by_the_same_repository():
    named = [c for c in CHECKPOINTS.values() if c.source.startswith("open_clip:")]
    assert len({c.repository for c in named}) == 5
    for checkpoint in named:
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
        recipe = RECIPES[name]
        for entry, cost in zip(recipe.entries, size_recipe(recipe).candidates, strict=True):
            found[family, entry.checkpoint.model, entry.scales] = (entry.published, cost.macs / 1e9)
    assert found.keys() == printed.keys()
    for key, (value, gmacs) in printed.items():
        assert found[key] == (value, pytest.approx(gmacs, rel=1e-3))
    assert all(entry.published is None for entry in RECIPES["imagenet-convnext"].entries)


@pytest.mark.parametrize("weights_dir", [None, "/models"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_candidates_of_a_recipe_are_one_family(recipe, weights_dir):
    candidates = [entry.candidate(weights_dir) for entry in recipe.entries]
    assert len({family_of(c.backbone) for c in candidates}) == 1
    assert len(set(candidates)) == len(candidates)
    assert all(polyscale.types.Candidate.parse(str(c)) == c for c in candidates)


def test_dense_recipes_cover_the_papers_tables():
    for scheme, table in TABLES.items():
        printed = {
            (row.family, row.model, row.tile_px, row.scales): (row.value, row.gmacs)
            for row in load_paper(table)
        }
        found = {}
        for name, family in FAMILIES.items():
            recipe = RECIPES[f"{scheme}-{name}"]
            for entry, cost in zip(recipe.entries, size_recipe(recipe).candidates, strict=True):
                weights = entry.checkpoint
                key = (family, weights.model, weights.tile_px, entry.scales)
                found[key] = (entry.published, cost.macs / 1e9)
        assert found.keys() == printed.keys()
        for key, (value, gmacs) in printed.items():
            assert found[key] == (value, pytest.approx(gmacs, rel=1e-3))
        convnext = RECIPES[f"{scheme}-convnext"].entries
        assert len(convnext) == 7
        assert all(entry.published is None for entry in convnext)


def test_ablations_cover_the_papers_tables():
    printed = {
        (row.family, row.method, row.scales): row.value
        for row in load_paper("ablation")
        if row.method != "s2"
    }
    found = {}
    for name, family, method in (
        ("dinov2-untiled", "DINOv2", "s2 without tiles"),
        ("dinov2-summed", "DINOv2", "s2 summed"),
        ("openclip-summed", "OpenCLIP", "s2 summed"),
    ):
        recipe, plain = RECIPES[f"ade20k-{name}"], RECIPES[f"ade20k-{name.split('-')[0]}"]
        single, *variant = recipe.entries
        assert single in plain.entries
        found |= {(family, method, entry.scales): entry.published for entry in variant}
        # nothing but the variant differs
        different = {k for k, v in recipe.options.items() if plain.options.get(k) != v}
        assert different == {"split" if "untiled" in name else "merge"}
    assert found == printed


@pytest.mark.parametrize("recipe", DENSE, ids=lambda r: r.name)
def test_heads_of_dense_recipes_are_trained_as_the_paper_says(recipe):
    settings = recipe.settings()
    training = settings.training
    said = (settings.head_options["channels"], training.steps, training.batch)
    paper = {"segmentation": (256, 160_000, 16, 1e-4), "depth": (192, 25_000, 32, 1e-3)}
    assert (*said, training.learning_rate) == paper[recipe.task]
    assert settings.augment.crop_hw in {(512, 512), (518, 518), (504, 504)}
    # the single scale and S² are seen on one grid, where their tiles differ
    tiles = {c.tile_px for c in recipe.checkpoints}
    assert (settings.grid, settings.source) == (
        ((32, 32), "native") if len(tiles) > 1 else ("base", "base")
    )


@pytest.mark.parametrize("name", ["ade20k-vit", "nyu-vit"])
def test_heads_of_dense_recipes_can_be_made_and_counted(name):
    recipe = RECIPES[name]
    settings = recipe.settings()
    options = {**recipe.data.head_arguments, **settings.head_options}
    macs = count_head(settings.kind, (32, 32), in_channels=768, **options)
    assert macs > 32 * 32 * 768 * options["channels"]


def test_fewer_steps_have_less_warm_up():
    def steps(name, number):
        training = RECIPES[name].settings({"steps": number}).training
        return training.steps, training.warmup_steps

    assert steps("nyu-vit", None) == steps("nyu-vit", 25_000) == (25_000, 12_000)
    assert steps("nyu-vit", 200) == (200, 20)
    assert steps("nyu-vit", 200_000) == (200_000, 12_000)
    paper = RECIPES["ade20k-vit"].options["training"].warmup_steps
    assert steps("ade20k-vit", 9) == (9, 0)
    assert steps("ade20k-vit", None) == (160_000, paper)


def test_sizes_by_hand():
    recipe = RECIPES["imagenet-vit"].with_data(num_train=90, num_test=10, num_classes=5)
    size = size_recipe(recipe)
    # scales of base are computed once, however many candidates use them
    assert size.tiles == 100 * (1 + 4 + 9 + 1 + 1)
    assert size.macs == pytest.approx(100 * 1e9 * (14 * 17.56 + 61.55 + 167.29))
    assert size.feature_bytes == 100 * 4 * 2 * (3 * 768 + 1024 + 1280)
    assert [c.feature_dim for c in size.candidates] == [1536, 3072, 4608, 2048, 2560]
    # base's three scales, and once more side by side; probabilities of five candidates
    assert size.memory_bytes == 100 * (4 * 2 * 4608 + 5 * 5 * 8)
    assert size.head_macs == 2 * 30 * 5 * 90 * (1536 + 3072 + 4608 + 2048 + 2560) * 5


@pytest.mark.parametrize("there_gb", [8, 64, 110])
def test_what_is_said_to_fit_fits(there_gb):
    recipe = RECIPES["imagenet-vit"]
    whole = size_recipe(recipe)
    fits = fitting_per_class(recipe, whole, there_gb * 10**9)
    sample = recipe.with_data(num_train=1000 * fits, num_test=1000 * min(fits, 50))
    taken = size_recipe(sample).memory_bytes
    assert 0.7 < taken / (there_gb * 1e9) <= 0.81


def test_dense_sizes_by_hand():
    images = {"num_train": 1000, "num_test": 10}
    size = size_recipe(RECIPES["ade20k-vit"].with_data(**images))
    # two squares of each test image and of the 20 that are held out
    kept, anew = 2 * (10 + 20), 160_000 * 16
    assert (size.kept_images, size.augmented_images) == (kept, anew)
    tiles = [1, 21, 41, 1, 1]
    assert [c.num_tiles for c in size.candidates] == tiles
    assert size.tiles == anew * sum(tiles) + kept * (1 + (1 + 4 + 16 + 36) + 1 + 1)
    assert size.feature_bytes == kept * 2 * 32 * 32 * (768 + 4 * 768 + 1024 + 1280)
    assert size.images_read == 2 * (1010 + 4 * 30 + 5 * anew)
    assert size.head_macs == (3 * anew + kept) * (768 + 3 * 768 + 3 * 768 + 1024 + 1280)
    # weights of base are run on tiles of two sizes, and come once
    assert size.download_bytes == pytest.approx(1e9 * 0.004 * (85.8 + 303.3 + 630.8))
    depth = size_recipe(RECIPES["nyu-vit"].with_data(**images))
    assert depth.kept_images == 2 * 2 * 10 + 2 * 20


def test_untiled_scales_are_one_tile_each():
    recipe = RECIPES["ade20k-dinov2-untiled"]
    costs = size_recipe(recipe).candidates
    assert [c.num_tiles for c in costs] == [1, 2, 3]
    assert costs[1].macs / 1e9 == pytest.approx(151.574 + 1020.574)


def test_untiled_scales_run_through_dinov2():
    torch.manual_seed(0)
    config = hf.Dinov2Config(
        image_size=28, patch_size=14, hidden_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    backbone = adapt_transformers(hf.Dinov2Model(config).eval())
    options = RECIPES["ade20k-dinov2-untiled"].options
    module = SegmentationSettings(**options).module(backbone, (1, 2, 3))
    assert [level.tile_hw for level in module.plan.levels] == [(28, 28), (56, 56), (84, 84)]
    with torch.no_grad():
        assert module(torch.randn(1, 3, 28, 28)).map.shape == (1, 48, 2, 2)
