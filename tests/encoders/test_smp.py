"""smp's decoders on multi-scale features."""

from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import nn

import polyscale
from polyscale.encoders import SmpEncoder, smp_encoder
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale

DECODERS = (
    "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus",
    "PAN", "UPerNet", "Segformer",
)  # fmt: skip

SMALLEST_PX = {"PAN": 128}


@pytest.fixture
def build(monkeypatch):
    smp = pytest.importorskip("segmentation_models_pytorch")

    def make(name, multiscale, **options):
        entry = {
            "encoder": partial(smp_encoder, multiscale, **options),
            "params": {},
            "pretrained_settings": {},
        }
        monkeypatch.setitem(smp.encoders.encoders, "polyscale", entry)
        return getattr(smp, name)("polyscale", encoder_weights=None, classes=3)

    return make


@pytest.mark.parametrize("image_hw", [(64, 96), (61, 95), (33, 31), (1, 200)])
@pytest.mark.parametrize("options", [{}, {"depth": 3}, {"output_stride": 8}, {"finest_stride": 2}])
def test_levels_are_as_declared(multiscale, image_hw, options):
    encoder = smp_encoder(multiscale, **options)
    images = torch.randn(2, 3, *image_hw)
    levels = encoder(images)
    assert levels[0] is images
    assert len(levels) == encoder.depth + 1 == len(encoder.out_channels) == len(encoder.strides)
    assert encoder.strides[-1] == encoder.output_stride
    for level, channels, stride in zip(levels, encoder.out_channels, encoder.strides, strict=True):
        size = tuple(-(-side // stride) for side in image_hw)
        assert level.shape == (2, channels, *size)
    assert encoder.out_channels[-1] == 12


def test_strides_are_smps_own(multiscale):
    smp = pytest.importorskip("segmentation_models_pytorch")
    images = torch.randn(1, 3, 61, 95)
    for depth in (3, 4, 5):
        theirs = smp.encoders.get_encoder("resnet18", depth=depth, weights=None)
        ours = smp_encoder(multiscale, depth=depth)
        assert [t.shape[2:] for t in theirs(images)] == [o.shape[2:] for o in ours(images)]
        assert theirs.output_stride == ours.output_stride
        assert len(theirs.out_channels) == len(ours.out_channels)


def test_a_level_of_the_grids_size_is_the_map(multiscale):
    images = torch.randn(2, 3, 64, 64)  # 4×4 cells: stride 16
    assert torch.equal(smp_encoder(multiscale)(images)[4], multiscale(images).map)


@pytest.mark.weights
def test_real_features_come_through(build):
    backbone = polyscale.load("pip:efficientnet_lite0")
    multiscale = MultiScale(backbone, scales=(1, 2), frozen=True)
    model = build("Unet", multiscale).train()
    images = torch.randn(2, 3, 224, 224)
    level = model.encoder(images)[5]  # stride 32: Lite0's own grid, 7×7
    with torch.inference_mode():
        assert torch.equal(level, multiscale.eval()(images).map)
    assert level.shape == (2, 2560, 7, 7)
    assert level.std() > 0.1


@pytest.mark.parametrize(
    ("name", "finest_stride"), [("Unet", 2), *((name, 4) for name in DECODERS)]
)
def test_decoders_learn(build, normed, learns, name, finest_stride):
    model = build(name, normed, finest_stride=finest_stride).train()
    side = SMALLEST_PX.get(name, 64)
    images = torch.randn(2, 3, side, side)
    masks = torch.randint(0, 3, (2, side, side))
    loss = lambda: nn.functional.cross_entropy(model(images), masks)  # noqa: E731
    assert not learns(model, model.encoder, loss)


@pytest.mark.parametrize("name", DECODERS)
def test_without_stride_2_every_other_level_is_read(build, multiscale, name):
    side = SMALLEST_PX.get(name, 64)

    def read(model):
        levels = model.eval().encoder(torch.randn(2, 3, side, side))
        maps = [level.detach().requires_grad_() for level in levels[1:]]
        model.segmentation_head(model.decoder([levels[0], *maps])).square().sum().backward()
        return [m.grad is not None and bool(m.grad.abs().sum() > 0) for m in maps]

    full = read(build(name, multiscale, finest_stride=2))
    assert any(full)
    # stride 2 has no channels, and nothing else is lost
    assert read(build(name, multiscale)) == [False, *full[1:]]


def test_odd_images_keep_their_size(build, multiscale):
    assert build("Unet", multiscale).eval()(torch.randn(1, 3, 61, 95)).shape == (1, 3, 61, 95)


def test_models_do_not_share_a_backbone(build, multiscale):
    one, other = build("FPN", multiscale), build("FPN", multiscale)
    theirs = [{id(p) for p in m.parameters()} for m in (one, other, multiscale)]
    assert not theirs[0] & theirs[1]
    assert not (theirs[0] | theirs[1]) & theirs[2]
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(one.encoder(images)[4], multiscale(images).map)


def test_freezing_as_smp_does_it(build, tiny_backbone):
    model = build("FPN", MultiScale(tiny_backbone(), (1, 2), frozen=False))
    model.freeze_encoder()
    assert not any(p.requires_grad for p in model.encoder.parameters())
    model.unfreeze_encoder()
    assert all(p.requires_grad for p in model.encoder.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 6}, "depth must be a whole number from 1 to 5, but got 6"),
        ({"output_stride": 64}, "output_stride must be 8, 16 or 32, but got 64"),
        ({"finest_stride": 3}, "finest_stride must be one of 2, 4, 8, 16, 32, but got 3"),
        ({"finest_stride": 16, "depth": 3}, "finest_stride must be one of 2, 4, 8, but got 16"),
    ],
)
def test_wrong_numbers_are_refused(multiscale, options, message):
    with pytest.raises(InputError, match=message):
        smp_encoder(multiscale, **options)


def test_images_have_the_channels_of_the_backbone(multiscale, build):
    with pytest.raises(InputError, match="in_channels must be 3, as tiny takes them, but got 4"):
        smp_encoder(multiscale).set_in_channels(4)
    multiscale.backbone.in_channels = 4
    encoder = smp_encoder(multiscale)
    encoder.set_in_channels(4)
    assert encoder.in_channels == encoder.out_channels[0] == 4


@dataclass
class Found:
    map: torch.Tensor


class Blocks(nn.Module):
    """Stands for an operator that can be exported: means of 16×16 pixels."""

    backbone, out_channels = None, 3

    def forward(self, images):
        return Found(nn.functional.avg_pool2d(images, 16))


def test_nothing_in_the_encoder_prevents_compiling_and_exporting():
    encoder = SmpEncoder(Blocks(), depth=5, output_stride=32, finest_stride=2).eval()
    images = torch.randn(1, 3, 64, 64)
    program = torch.export.export(encoder, (images,), strict=True).module()
    compiled = torch.compile(encoder, fullgraph=True, dynamic=True, backend="eager")
    for found in (program(images), compiled(images)):
        for one, other in zip(found, encoder(images), strict=True):
            torch.testing.assert_close(one, other)
