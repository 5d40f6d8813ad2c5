import pytest
import torch
import transformers as hf
from tests.language.tiny_llava import tiny_llava, tiny_processor
from torch.nn.functional import interpolate

from polyscale.errors import InputError
from polyscale.language import widen
from polyscale.language.widen import widen_columns


def ask(processor, picture):
    return processor(images=picture, text="USER: <image>\nWhat?", return_tensors="pt")


def at_tile(inputs, side=32):
    """The same question about the picture at the size of a tile, as the tower makes it."""
    pixels = interpolate(inputs["pixel_values"], (side, side), mode="bicubic", antialias=True)
    return {**inputs, "pixel_values": pixels}


@torch.no_grad()
@pytest.mark.parametrize("layer", [-2, [-2, -1]])
def test_a_wider_model_answers_as_before(picture, layer):
    model, processor = tiny_llava(), tiny_processor()
    model.config.vision_feature_layer = layer
    if isinstance(layer, list):
        model = hf.LlavaForConditionalGeneration(model.config).eval()
    wide, wide_processor = widen(model, processor, scales=(1, 2, 3))
    inputs = ask(wide_processor, picture)
    assert inputs["pixel_values"].shape[-2:] == (96, 96)
    expected = model(**at_tile(inputs)).logits
    torch.testing.assert_close(wide(**inputs).logits, expected, atol=1e-5, rtol=1e-4)
    # the given model is as it was
    assert not hasattr(model.config.vision_config, "scales")
    assert torch.equal(model(**at_tile(inputs)).logits, expected)


@torch.no_grad()
def test_a_tower_of_two_scales_gets_a_third(picture):
    model, processor = widen(tiny_llava(), tiny_processor(), sizes=(32, 64), antialias=False)
    projector = model.model.multi_modal_projector.linear_1
    torch.nn.init.normal_(projector.weight)
    wide, wide_processor = widen(model, processor, sizes=(32, 64, 128))
    assert wide.config.vision_config.antialias is False
    inputs = ask(wide_processor, picture)
    smaller = interpolate(inputs["pixel_values"], (64, 64), mode="bicubic")
    # the smallest scale is resized in one step here, and in two there
    torch.nn.init.zeros_(projector.weight[:, :16])
    torch.nn.init.zeros_(wide.model.multi_modal_projector.linear_1.weight[:, :16])
    expected = model(**{**inputs, "pixel_values": smaller}).logits
    torch.testing.assert_close(wide(**inputs).logits, expected, atol=1e-5, rtol=1e-4)


def test_new_channels_can_be_trained(picture):
    wide, processor = widen(tiny_llava(), tiny_processor())
    inputs = ask(processor, picture)
    wide(**inputs, labels=inputs["input_ids"]).loss.backward()
    gradient = wide.model.multi_modal_projector.linear_1.weight.grad
    assert (gradient.unflatten(1, (3, 16)).abs().sum(dim=(0, 2)) > 0).all()
    assert all(p.grad is None for p in wide.model.vision_tower.parameters())


@torch.no_grad()
def test_it_is_saved_and_read(picture, tmp_path):
    wide, processor = widen(tiny_llava(), tiny_processor(), scales=(1, 2))
    inputs = ask(processor, picture)
    wide.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again = hf.LlavaForConditionalGeneration.from_pretrained(tmp_path)
    assert torch.equal(again(**inputs).logits, wide(**inputs).logits)
    assert ask(hf.AutoProcessor.from_pretrained(tmp_path), picture).keys() == inputs.keys()


def test_columns_by_hand():
    weight = torch.arange(1.0, 9).view(1, 8)  # two layers, two scales, two channels
    wide = widen_columns(weight, slots=[0, 2], num_slots=3, width=2, num_layers=2)
    assert wide.tolist() == [[1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": (2, 3)}, r"scales must hold those of the model, .* Add 1\."),
        ({"merge": "add"}, "merge must be 'concat'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        widen(tiny_llava(), tiny_processor(), **options)


def test_a_projector_of_another_width(tiny_clip):
    model = tiny_llava()
    model.model.vision_tower = tiny_clip
    with pytest.raises(InputError, match=r"read the 8 channels .* but reads 16"):
        widen(model, tiny_processor())
    model.model.multi_modal_projector = torch.nn.Identity()
    with pytest.raises(InputError, match="has no linear_1"):
        widen(model, tiny_processor())
