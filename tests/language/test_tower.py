import pytest
import torch

from polyscale.errors import InputError
from polyscale.language import S2VisionConfig, S2VisionModel


def tower_of(backbone, **options):
    return S2VisionModel(S2VisionConfig(backbone_config=backbone.config, **options), backbone)


@pytest.mark.parametrize("layer", [-2, -1, 1, 3])
def test_hidden_states_are_those_of_the_reference_package(tiny_clip, layer):
    """As LLaVA's tower calls it: patch tokens of a hidden state, from the largest image."""
    from s2wrapper import forward

    images = torch.randn(2, 3, 96, 96)
    tower = tower_of(tiny_clip, sizes=[32, 64, 96], antialias=False)

    def patches(tiles):
        return tiny_clip(tiles, output_hidden_states=True).hidden_states[layer][:, 1:]

    with torch.no_grad():
        expected = forward(patches, images, img_sizes=[32, 64, 96], max_split_size=32)
        hidden = tower(images, output_hidden_states=layer).hidden_states[layer]
    torch.testing.assert_close(hidden[:, 1:], expected, rtol=0, atol=1e-5)


def test_another_size_is_refused(tiny_clip):
    tower = tower_of(tiny_clip, scales=[1, 2])
    with pytest.raises(InputError, match="pixel_values must be images of 64×64 px"):
        tower(torch.zeros(1, 3, 32, 32))
