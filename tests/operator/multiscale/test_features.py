import pytest
import torch
from torch.utils import _pytree as pytree

import polyscale
from polyscale.operator.multiscale import MultiScale, MultiScaleFeatures


@pytest.fixture
def features(tiny_backbone):
    return MultiScale(tiny_backbone(), (1, 2))(torch.randn(2, 3, 64, 64))


def test_moving_and_detaching(features):
    assert features.tokens.requires_grad
    assert not features.detach().tokens.requires_grad
    assert features.to(torch.float64).map.dtype == torch.float64
    assert features.cpu().tokens.device.type == "cpu"
    assert features.to("meta").tokens.is_meta
    assert features.to("meta").grid_hw == features.grid_hw


def test_the_text_tells_shapes_and_no_values(features):
    text = repr(features)
    assert text.startswith("MultiScaleFeatures(tokens=(2, 17, 12), num_prefix=1, grid_hw=(4, 4)")
    assert len(text) < 200
    assert repr(features.scales[0]) == "PartFeatures(map=(2, 6, 4, 4), prefix=(2, 1, 6))"


def test_two_results_can_be_compared(features, tiny_backbone):
    other = MultiScale(tiny_backbone(), (1, 2))(torch.randn(2, 3, 64, 64))
    assert features == features
    assert features != other


def test_it_is_a_pytree(features):
    leaves, spec = pytree.tree_flatten(features)
    assert len(leaves) == 1
    doubled = pytree.tree_map(lambda tensor: 2 * tensor, features)
    assert isinstance(doubled, MultiScaleFeatures)
    torch.testing.assert_close(doubled.map, 2 * features.map)
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec


def test_layers_are_those_that_the_backbone_reads():
    timm = pytest.importorskip("timm")
    model = timm.create_model("test_vit").eval()
    images = torch.randn(1, 3, 320, 320)
    both = polyscale.wrap(model, (1, 2), layers=(0, -1))
    with torch.no_grad():
        together = both(images)
        for index, layer in enumerate((0, -1)):
            alone = polyscale.wrap(model, (1, 2), layers=layer)(images)
            torch.testing.assert_close(together.layers[index].map, alone.map)
            torch.testing.assert_close(together.layers[index].prefix, alone.prefix)
            torch.testing.assert_close(together.layers[index].pooled.sum(), _cls_and_mean(alone))
        fused, maps = both.forward_intermediates(images)
        assert torch.equal(fused, together.map)
        assert [*map(torch.equal, maps, [layer.map for layer in together.layers])] == [True, True]
        ((last, prefix),) = both.forward_intermediates(
            images, indices=1, return_prefix_tokens=True, intermediates_only=True
        )
        assert torch.equal(last, together.layers[1].map)
        assert torch.equal(prefix, together.layers[1].prefix)


def _cls_and_mean(features):
    return features.prefix[:, 0].sum() + features.map.mean((2, 3)).sum()


def test_channels_as_timm_tells_them():
    timm = pytest.importorskip("timm")
    module = polyscale.wrap(timm.create_model("test_vit"), (1, 2, 3), layers=(0, -1))
    assert module.num_features == module.out_channels == 3 * 2 * 64
    assert [(info["num_chs"], info["reduction"]) for info in module.feature_info] == [(192, 16)] * 2


def test_one_layer_is_the_whole(features):
    (layer,) = features.layers
    assert torch.equal(layer.map, features.map)
