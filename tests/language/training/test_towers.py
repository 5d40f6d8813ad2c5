"""Trainings on towers of several scales, in every image mode."""

import pytest
import torch
from transformers import LlavaForConditionalGeneration

from polyscale.errors import InputError
from polyscale.language.training import LlavaTraining, train_llava

SETTINGS = {"batch_size": 4, "max_steps": 2, "questions": 2}


@pytest.mark.parametrize("mode", ["crop", "pad", "squash", "keep", "dynamic"])
def test_every_image_mode_trains(tiny_llava, data, mode, tmp_path):
    model, processor = tiny_llava(scales=(1, 2), image_mode=mode)
    before = model.model.multi_modal_projector.linear_1.weight.clone()
    trained = train_llava(
        model, processor, data, out=tmp_path / "run", settings=LlavaTraining(**SETTINGS)
    )
    assert all(0 < loss < 100 for loss in trained.losses)
    loaded = LlavaForConditionalGeneration.from_pretrained(trained.model)
    assert not torch.equal(loaded.model.multi_modal_projector.linear_1.weight, before)


@pytest.mark.parametrize("layers", [-2, [-2, -1]])
def test_features_of_several_scales_are_kept(tiny_llava, data, layers, tmp_path):
    losses = []
    for kept in (False, True):
        torch.manual_seed(0)
        model, processor = tiny_llava(scales=(1, 2), vision_feature_layer=layers)
        trained = train_llava(
            model,
            processor,
            data,
            out=tmp_path / str(kept),
            settings=LlavaTraining(**SETTINGS, cache_features=kept),
            cache=tmp_path,
        )
        losses.append(trained.losses)
    torch.testing.assert_close(*losses, rtol=1e-5, atol=0)


def test_features_of_different_numbers_of_tokens_are_not_kept(tiny_llava, data, tmp_path):
    model, processor = tiny_llava(scales=(1, 2), image_mode="keep")
    settings = LlavaTraining(**SETTINGS, cache_features=True)
    with pytest.raises(InputError, match="cache_features must be off for pictures with different"):
        train_llava(model, processor, data, out=tmp_path / "r", settings=settings, cache=tmp_path)
