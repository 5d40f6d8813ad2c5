import pytest
import torch

from polyscale.learning.heads.dense.upernet import FourLevels, UPerNetSegmentation


@pytest.mark.parametrize(
    ("grid_hw", "sizes"),
    [
        ((7, 7), [(28, 28), (14, 14), (7, 7), (4, 4)]),
        ((6, 9), [(24, 36), (12, 18), (6, 9), (3, 5)]),
        ((1, 1), [(4, 4), (2, 2), (1, 1), (1, 1)]),
    ],
)
def test_four_sizes_at_odd_and_tiny_grids(grid_hw, sizes):
    levels = FourLevels(5, 8)(torch.randn(2, 5, *grid_hw))
    assert [tuple(level.shape) for level in levels] == [(2, 8, *size) for size in sizes]


def test_every_parameter_learns():
    model = FourLevels(5, 8)
    sum(
        (level * torch.randn_like(level)).sum() for level in model(torch.randn(2, 5, 5, 3))
    ).backward()
    still = [name for name, p in model.named_parameters() if not p.grad.any()]
    assert still == []


def test_the_size_of_a_channel_does_not_matter():
    maps = torch.randn(4, 5, 6, 6)
    scale = torch.tensor([0.5, 1, 10, 1e2, 1e3])[:, None, None]
    model = FourLevels(5, 8)
    for one, other in zip(model(maps), model(maps * scale), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


@pytest.fixture
def head():
    return UPerNetSegmentation(in_channels=6, num_classes=3, channels=16)


def test_equals_the_decoder_of_transformers_own_model(head):
    from transformers import ResNetConfig, UperNetConfig, UperNetForSemanticSegmentation
    from transformers.modeling_outputs import BackboneOutput

    backbone = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[16] * 4,
        depths=[1] * 4,
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = UperNetConfig(
        backbone_config=backbone, hidden_size=16, auxiliary_channels=8, num_labels=3
    )
    whole = UperNetForSemanticSegmentation(config).eval()
    whole.decode_head.load_state_dict(head.decode.state_dict())
    whole.auxiliary_head.load_state_dict(head.auxiliary.state_dict())
    maps = torch.randn(2, 6, 7, 7)
    head.eval()
    levels = head.levels(maps)
    whole.backbone.forward = lambda *_, **__: BackboneOutput(feature_maps=levels)
    theirs = whole(torch.zeros(2, 3, 56, 56), labels=torch.randint(3, (2, 56, 56)))
    torch.testing.assert_close(head.scores(maps, (56, 56)), theirs.logits)


def test_the_auxiliary_head_weighs_two_fifths_and_may_be_left_out(head):
    plain = UPerNetSegmentation(in_channels=6, num_classes=3, channels=16, auxiliary=False)
    plain.load_state_dict(head.state_dict(), strict=False)
    maps, target = torch.randn(2, 6, 5, 5), torch.randint(3, (2, 20, 20))
    added = head.eval().loss(maps, target) - plain.eval().loss(maps, target)
    logits = torch.nn.functional.interpolate(
        head.auxiliary(head.levels(maps)), (20, 20), mode="bilinear"
    )
    torch.testing.assert_close(added, 0.4 * torch.nn.functional.cross_entropy(logits, target))
    assert not any(name.startswith("auxiliary") for name, _ in plain.named_parameters())
