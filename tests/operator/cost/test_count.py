"""Operations against the paper's figures and a closed form."""

import pytest
import timm
import torch

import polyscale
from polyscale.operator.backbones import ReadOptions, adapt_timm
from polyscale.operator.cost import count_plan, count_tile, vit_macs
from polyscale.operator.plan import Plan, Tiling, plan_levels


# the paper's costs in G, appendix tables of classification
@pytest.mark.parametrize(
    ("name", "scales", "paper"),
    [
        ("vit_base_patch16_224", (1,), 17.6),
        ("vit_base_patch16_224", (1, 2), 88.1),
        ("vit_base_patch16_224", (1, 2, 3), 246.0),
        ("vit_large_patch16_224", (1,), 61.6),
    ],
)
def test_the_papers_figures(name, scales, paper):
    backbone = polyscale.load(f"timm:{name}", weights=False)
    plan = Plan(plan_levels(Tiling(scales=scales), backbone.tile_hw), backbone.grid_hw)
    assert count_plan(backbone, plan).macs / 1e9 == pytest.approx(paper, rel=0.01)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("vit_base_patch16_224", {}, {"dim": 768, "depth": 12, "patch_px": 16}),
        ("vit_tiny_patch16_224", {"img_size": (64, 96)}, {"dim": 192, "depth": 12, "patch_px": 16}),
        (
            "vit_small_patch14_reg4_dinov2",
            {"img_size": 70},
            {"dim": 384, "depth": 12, "patch_px": 14, "num_prefix": 5},
        ),
    ],
)
def test_counter_equals_the_closed_form(name, options, shape):
    backbone = adapt_timm(
        timm.create_model(name, num_classes=0, **options), ReadOptions(), name=name
    )
    counted = count_tile(backbone)
    assert counted.macs == vit_macs(tile_hw=backbone.tile_hw, **shape)
    assert counted.flops == 2 * counted.macs
    assert counted.params == sum(p.numel() for p in backbone.parameters())


def test_convolution_by_hand():
    backbone = polyscale.wrap(torch.nn.Conv2d(3, 8, 4, 4), (1,), tile_hw=(16, 16)).backbone
    assert count_tile(backbone).macs == 4 * 4 * 8 * 3 * 4 * 4


def test_counting_leaves_the_model_alone(tiny_backbone):
    backbone = tiny_backbone()
    before = [p.clone() for p in backbone.parameters()]
    count_tile(backbone)
    assert all(torch.equal(a, b) for a, b in zip(before, backbone.parameters(), strict=True))
