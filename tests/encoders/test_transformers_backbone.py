"""transformers' dense heads on multi-scale features."""

import importlib.util

import pytest
import torch

import polyscale
from polyscale.encoders import transformers_backbone
from polyscale.encoders.shared import resize_map
from polyscale.errors import InputError, MissingExtraError
from polyscale.operator.multiscale import MultiScale

transformers = pytest.importorskip("transformers", minversion="5.2")

IMAGES = torch.randn(2, 3, 61, 95)
LABELS = torch.randint(0, 3, (2, 61, 95))


def upernet(config):
    return transformers.UperNetForSemanticSegmentation(
        transformers.UperNetConfig(
            backbone_config=config, num_labels=3, hidden_size=16, auxiliary_channels=8
        )
    )


def masks(name, config):
    sizes = {"num_labels": 3, "mask_feature_size": 32}
    if name == "Mask2Former":
        made = transformers.Mask2FormerConfig(
            backbone_config=config, feature_size=32, hidden_dim=32, encoder_layers=1,
            decoder_layers=2, encoder_feedforward_dim=16, dim_feedforward=16,
            num_attention_heads=2, num_queries=5, train_num_points=64, **sizes,
        )  # fmt: skip
        return transformers.Mask2FormerForUniversalSegmentation(made)
    decoder = transformers.DetrConfig(
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16, decoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_attention_heads=2, num_queries=5,
    )  # fmt: skip
    made = transformers.MaskFormerConfig(
        backbone_config=config, fpn_feature_size=32, decoder_config=decoder, **sizes
    )
    return transformers.MaskFormerForInstanceSegmentation(made)


def depth(name, config):
    sizes = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8, "backbone_config": config}
    if name == "DPT":
        return transformers.DPTForDepthEstimation(transformers.DPTConfig(**sizes))
    made = transformers.DepthAnythingConfig(
        patch_size=config.patch_size, reassemble_hidden_size=config.hidden_size,
        head_hidden_size=4, **sizes,
    )  # fmt: skip
    return transformers.DepthAnythingForDepthEstimation(made)


def test_the_pyramid_is_the_map_at_four_sizes(multiscale):
    backbone = transformers_backbone(multiscale)
    map_ = multiscale(IMAGES).map
    maps = backbone(IMAGES).feature_maps
    assert [m.shape for m in maps] == [(2, 12, n, n) for n in (16, 8, 4, 2)]
    assert torch.equal(maps[2], map_)
    for found in maps:
        assert torch.equal(found, resize_map(map_, found.shape[-2:]))
    assert [m.shape[1] for m in maps] == backbone.channels
    assert backbone.out_features == backbone.stage_names == ["stage1", "stage2", "stage3", "stage4"]


def test_odd_grids_are_rounded_up(tiny_backbone):
    backbone = transformers_backbone(MultiScale(tiny_backbone(tile=40), scales=(1,)))
    sizes = [tuple(m.shape[2:]) for m in backbone(IMAGES).feature_maps]
    assert sizes == [(20, 20), (10, 10), (5, 5), (3, 3)]


def test_the_largest_grid(tiny_backbone):
    multiscale = MultiScale(tiny_backbone(), scales=(1, 2), output_grid="largest", aspect="keep")
    images = torch.randn(1, 3, 64, 128)
    map_ = transformers_backbone(multiscale, form="map")(images).feature_maps[0]
    assert map_.shape == (1, 12, 8, 16)
    assert torch.equal(map_, multiscale(images).map)
    assert transformers_backbone(multiscale).config.patch_size == 8


def test_tokens_are_the_class_token_and_the_cells(multiscale):
    backbone = transformers_backbone(multiscale, form="tokens", patch_size=16)
    found = backbone(torch.cat([IMAGES, IMAGES], dim=2)[:, :, :64, :64]).feature_maps
    features = multiscale(torch.cat([IMAGES, IMAGES], dim=2)[:, :, :64, :64])
    assert len(found) == 4
    assert torch.equal(found[0], features.tokens)  # one prefix token, 4×4 cells of 16 px
    assert backbone(IMAGES).feature_maps[0].shape == (2, 1 + 3 * 5, 12)


def test_without_a_class_token_the_mean_cell_stands_for_it(normed):
    found = transformers_backbone(normed, form="tokens")(IMAGES).feature_maps[0]
    assert torch.allclose(found[:, 0], found[:, 1:].mean(dim=1), atol=1e-6)


@pytest.mark.weights
def test_real_features_come_through():
    backbone = polyscale.load("pip:efficientnet_lite0")
    multiscale = MultiScale(backbone, scales=(1, 2), frozen=True)
    images = torch.randn(2, 3, 200, 300)
    found = transformers_backbone(multiscale).train()(images).feature_maps
    with torch.inference_mode():
        assert torch.equal(found[2], multiscale.eval()(images).map)
    assert [tuple(m.shape[1:]) for m in found] == [(2560, n, n) for n in (28, 14, 7, 4)]
    assert found[2].std() > 0.1


def test_upernet_learns(normed, learns):
    backbone = transformers_backbone(normed)
    model = upernet(backbone.config)
    model.backbone = backbone
    model.train()
    assert model(IMAGES).logits.shape == (2, 3, 61, 95)
    assert not learns(model, backbone, lambda: model(IMAGES, labels=LABELS).loss)


def test_end_to_end_the_backbone_learns_too(tiny_backbone, learns):
    backbone = transformers_backbone(MultiScale(tiny_backbone(), scales=(1, 2), frozen=False))
    model = upernet(backbone.config)
    model.backbone = backbone
    model.train()
    assert learns(model, backbone, lambda: model(IMAGES, labels=LABELS).loss)


@pytest.mark.parametrize("name", ["Mask2Former", "MaskFormer"])
def test_mask_transformers_learn(normed, learns, name):
    pytest.importorskip("scipy")
    backbone = transformers_backbone(normed)
    model = masks(name, backbone.config)
    model.model.pixel_level_module.encoder = backbone
    model.train()
    found = {
        "mask_labels": [(LABELS[i] == torch.arange(3)[:, None, None]).float() for i in (0, 1)],
        "class_labels": [torch.arange(3)] * 2,
    }
    model(IMAGES, **found).loss.backward()
    grads = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    assert sum(g is not None and bool(g.abs().sum() > 0) for g in grads.values()) > 0.8 * len(grads)
    assert all(p.grad is None for p in normed.parameters())


@pytest.mark.parametrize("name", ["DPT", "DepthAnything"])
def test_depth_heads_learn(normed, name):
    backbone = transformers_backbone(normed, form="tokens")
    model = depth(name, backbone.config)
    model.backbone = backbone
    images = torch.randn(2, 3, 70, 96)
    model.train()(images).predicted_depth.square().mean().backward()
    reached = [p for p in model.neck.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(reached) > 0.5 * len(list(model.neck.parameters()))
    assert all(p.grad is None for p in normed.parameters())


def test_a_head_without_its_backbone_says_so(multiscale):
    model = upernet(transformers_backbone(multiscale).config)
    with pytest.raises(InputError, match="must be assigned before it is called"):
        model(IMAGES)


def test_an_image_smaller_than_a_patch_is_refused(multiscale):
    backbone = transformers_backbone(multiscale, form="tokens", patch_size=16)
    with pytest.raises(InputError, match="must be at least 16 px a side.*but are 12×95 px"):
        backbone(IMAGES[:, :, :12])


@pytest.mark.parametrize("form", ["pyramid", "map", "tokens"])
def test_maps_have_the_dtype_of_the_images(tiny_backbone, form):
    multiscale = MultiScale(tiny_backbone(), scales=(1, 2), dtype="bf16")
    maps = transformers_backbone(multiscale, form=form)(IMAGES).feature_maps
    assert {m.dtype for m in maps} == {torch.float32}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "list"}, "form must be one of 'pyramid', 'map', 'tokens', but got 'list'"),
        ({"patch_size": 0}, "patch_size must be a whole number of pixels, but got 0"),
    ],
)
def test_wrong_arguments_are_refused(multiscale, options, message):
    with pytest.raises(InputError, match=message):
        transformers_backbone(multiscale, **options)


def test_without_transformers_it_says_what_to_install(multiscale, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "polyscale.errors.find_spec", lambda name: None if name == "transformers" else found(name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'polyscale\[transformers\]'"):
        transformers_backbone(multiscale)


def test_an_old_transformers_is_refused(multiscale, monkeypatch):
    monkeypatch.setattr("polyscale.errors.version", lambda name: "5.1.9")
    with pytest.raises(MissingExtraError, match=r"transformers 5\.2 or newer, but 5\.1\.9"):
        transformers_backbone(multiscale)
