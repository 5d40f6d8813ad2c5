import pytest

from polyscale.errors import InputError
from polyscale.operator.cost.forecast import forecast, parse_hw, size_of
from polyscale.types import Candidate


def test_tokens_and_macs():
    seen = forecast(Candidate.parse("timm:vit_base_patch16_224@1,2,3"), image_hw=(448, 448))
    assert [level.num_tiles for level in seen.levels] == [1, 4, 9]
    assert [level.num_tokens for level in seen.levels] == [197, 788, 1773]
    assert seen.macs / 1e9 == pytest.approx(246.0, rel=0.01)
    assert (seen.grid_hw, seen.dim) == ((14, 14), 2304)
    assert seen.param_bytes == 4 * seen.params
    assert seen.output_bytes == 197 * 2304 * 4
    assert seen.peak_bytes > seen.param_bytes + seen.output_bytes
    assert len(seen.notes) == 1
    assert "scale 3 is larger than the image" in seen.notes[0]


def test_convolutional_tile_below_scale_one():
    seen = forecast(Candidate.parse("timm:convnext_atto@0.5,1"), image_hw=(300, 200))
    assert [level.num_tokens for level in seen.levels] == [9, 49]
    assert any("squashed" in note for note in seen.notes)


@pytest.mark.parametrize(("text", "hw"), [("448", (448, 448)), ("1080x1920", (1080, 1920))])
def test_sizes(text, hw):
    assert parse_hw(text) == hw


@pytest.mark.parametrize("text", ["", "big", "0", "3x4x5", "-1x4"])
def test_bad_sizes(text):
    with pytest.raises(InputError, match="one number or HEIGHTxWIDTH"):
        parse_hw(text)


def test_options_of_the_operator_change_the_plan():
    candidate = Candidate("pip:efficientnet_lite0", (1,))
    kept = forecast(candidate, image_hw=(224, 448), aspect="keep")
    assert kept.levels[0].image_hw == (224, 448)
    assert kept.num_tiles == 2
    assert kept.notes == ()
    with pytest.raises(InputError, match="aspect"):
        forecast(candidate, image_hw=(224, 448), aspect="stretch")


def test_size_of_a_model_is_that_of_its_tile():
    size, cost = (
        size_of("pip:efficientnet_lite0"),
        forecast(Candidate("pip:efficientnet_lite0", (1,)), image_hw=(224, 224)),
    )
    assert (size.params, size.macs, size.tile_hw) == (cost.params, cost.macs, (224, 224))
    with pytest.raises(InputError):
        size_of("pip:no_such_model")
