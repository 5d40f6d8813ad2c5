import pytest
import torch
import torch.nn.functional as F

from polyscale.errors import InputError
from polyscale.learning.heads.dense.mask2former import Mask2FormerSegmentation, class_masks

OPTIONS = {
    "channels": 32,
    "queries": 6,
    "decoder_layers": 3,
    "pixel_layers": 1,
    "feedforward": 32,
    "points": 64,
}


@pytest.fixture
def head():
    return Mask2FormerSegmentation(in_channels=5, num_classes=4, **OPTIONS)


def test_loss_and_predictions_equal_those_of_transformers_own_model(head):
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig
    from transformers.modeling_outputs import BackboneOutput

    config = Mask2FormerConfig(
        num_labels=4, hidden_dim=32, feature_size=32, mask_feature_size=32, num_queries=6,
        decoder_layers=4, encoder_layers=1, dim_feedforward=32, encoder_feedforward_dim=16,
        train_num_points=64,
    )  # fmt: skip
    config.backbone_config = SwinConfig(
        embed_dim=4,
        depths=[1] * 4,
        num_heads=[1] * 4,
        out_features=[f"stage{i}" for i in (1, 2, 3, 4)],
    )
    whole = Mask2FormerForUniversalSegmentation(config)
    parts = whole.model.pixel_level_module
    parts.decoder = head.decode["pixel_decoder"]
    whole.model.transformer_module = head.decode["transformer"]
    whole.class_predictor = head.decode["class_predictor"]
    maps, target = torch.randn(2, 5, 7, 7), torch.randint(4, (2, 56, 56))
    levels = head.eval().levels(maps)
    parts.encoder.forward = lambda *_, **__: BackboneOutput(feature_maps=levels)
    classes, masks = class_masks(target)
    whole.eval()
    torch.manual_seed(3)
    theirs = whole(torch.zeros(2, 3, 56, 56), mask_labels=masks, class_labels=classes)
    torch.manual_seed(3)
    torch.testing.assert_close(head.loss(maps, target), theirs.loss.reshape(()))
    last = head.predictions(maps)[-1]
    torch.testing.assert_close(last.mask_logits, theirs.masks_queries_logits)
    torch.testing.assert_close(last.class_logits, theirs.class_queries_logits)


def test_scores_equal_a_plain_sum_over_queries(head):
    head.eval()
    maps = torch.randn(2, 5, 3, 4)
    last = head.predictions(maps)[-1]
    expected = torch.zeros(2, 4, 30, 50)
    for image, query, label in [(i, q, c) for i in range(2) for q in range(6) for c in range(4)]:
        chance = last.class_logits[image, query].exp() / last.class_logits[image, query].exp().sum()
        mask = 1 / (1 + (-last.mask_logits[image, query]).exp())
        full = F.interpolate(mask[None, None], (30, 50), mode="bilinear")[0, 0]
        expected[image, label] += chance[label] * full
    torch.testing.assert_close(head.scores(maps, (30, 50)), expected)


def test_images_without_labels_are_left_out(head):
    maps, target = torch.randn(3, 5, 4, 4), torch.randint(4, (3, 16, 16))
    target[1] = -1
    head.eval()
    torch.manual_seed(0)
    loss = head.loss(maps, target)
    torch.manual_seed(0)
    torch.testing.assert_close(loss, head.loss(maps[[0, 2]], target[[0, 2]]))


def test_masks_are_of_the_classes_that_are_there():
    target = torch.tensor([[[2, 0], [-1, 2]], [[-1, -1], [-1, -1]]])
    classes, masks = class_masks(target)
    assert [c.tolist() for c in classes] == [[0, 2], []]
    assert masks[0].tolist() == [[[0, 1], [0, 0]], [[1, 0], [0, 1]]]
    assert masks[1].shape == (0, 2, 2)


def test_defaults_are_the_papers():
    head = Mask2FormerSegmentation(in_channels=5, num_classes=3)
    assert len(head.decode["transformer"].decoder.layers) == 9
    assert len(head.decode["pixel_decoder"].encoder.layers) == 6
    assert head.decode["transformer"].queries_features.weight.shape == (100, 256)
    # the first is what the queries say before any layer
    assert len(head.predictions(torch.randn(2, 5, 3, 3))) == 10


def test_refuses_channels_that_do_not_fall_into_groups():
    with pytest.raises(InputError, match="channels must be a multiple of 32, but got 48"):
        Mask2FormerSegmentation(in_channels=5, num_classes=3, channels=48)


def test_weights_begin_as_in_the_original():
    """Not as `post_init` leaves them: masks of 0.001, every sampling point on its own cell."""
    torch.manual_seed(0)
    head = Mask2FormerSegmentation(in_channels=5, num_classes=4, **OPTIONS | {"channels": 64})
    layers = head.eval().predictions(torch.randn(2, 5, 7, 7))
    assert all(0.2 < layer.mask_logits.std() < 2 for layer in layers)
    pixels, transformer = head.decode["pixel_decoder"], head.decode["transformer"]
    attention = pixels.encoder.layers[0].self_attn
    assert (attention.sampling_offsets.weight == 0).all()
    offsets = attention.sampling_offsets.bias.reshape(8, 3, 4, 2)  # heads, levels, points, xy
    assert (offsets == offsets[:, :1]).all()
    torch.testing.assert_close(offsets[0, 0], torch.tensor([[1.0, 0], [2, 0], [3, 0], [4, 0]]))
    torch.testing.assert_close(offsets[3, 0, 0], torch.tensor([-1.0, 1.0]))
    layer = transformer.decoder.layers[0]
    for weight in (layer.fc1.weight, layer.cross_attn.in_proj_weight, attention.value_proj.weight):
        width = (6 / sum(weight.shape)) ** 0.5  # xavier: evenly within ± this
        assert 0.9 * width < weight.abs().max() <= width
