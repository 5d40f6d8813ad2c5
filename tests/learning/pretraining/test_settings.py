import pytest

from polyscale.data import TrainingData, load_training
from polyscale.errors import InputError
from polyscale.learning.pretraining import pretrain


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": ""}, "model must be the name of a model of timm, but got ''"),
        ({"model_args": {"a": object()}}, "model_args must hold names with text, numbers"),
        ({"scales": ()}, "scales must hold at least one"),
        ({"method": "mae"}, "method must be one of supervised, dino, but got 'mae'"),
        ({"source": "any"}, "source must be one of base, native, but got 'any'"),
        ({"augmentation": "all"}, "augmentation must be one of none, crop, colour"),
        ({"method": "dino", "augmentation": "none"}, "augmentation must be crop or colour"),
        ({"crop_area": 0}, "crop_area must be a number above 0, at most 1, but got 0"),
        ({"epochs": 0}, "epochs must be a number above 0, but got 0"),
        ({"steps": 0}, "steps must be a whole number of at least 1, but got 0"),
        ({"batch": 0}, "batch must be a whole number of at least 1, but got 0"),
        ({"learning_rate": -1}, "learning_rate must be above 0 and finite, but got -1"),
        ({"warmup": 1}, "warmup must be a number of at least 0 and below 1, but got 1"),
        ({"teacher_momentum": 1}, "teacher_momentum must be a number of at least 0 and below 1"),
        ({"precision": "fp8"}, "precision must be one of fp32, bf16, fp16, but got 'fp8'"),
        ({"checkpoint": 1}, "checkpoint must be True or False, but got 1"),
        ({"tile_batch": 0}, "tile_batch must be a whole number of at least 1"),
        ({"local_crops": -1}, "local_crops must be a whole number of at least 0, but got -1"),
        ({"workers": 0}, "workers must be a whole number of at least 1, but got 0"),
    ],
)
def test_settings_that_break_a_rule(settings, changes, told):
    with pytest.raises(InputError, match=told):
        settings(**changes)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [({"epochs": 2}, 4), ({"epochs": 0.1}, 1), ({"epochs": 2, "steps": 7}, 7)],
)
def test_epochs_make_steps(settings, changes, steps):
    assert settings(**{"steps": None, "batch": 16, **changes}).training(30).steps == steps


def test_a_source_may_stand_for_the_name(settings):
    assert settings(model="timm:vit_tiny_patch16_224") == settings()


def test_one_class_is_not_enough(settings, data, textures, tmp_path):
    one = TrainingData(name="ones", train=data.train, class_names=("one",))
    told = "data ones must have at least two classes to learn from, but has one"
    with pytest.raises(InputError, match=told):
        pretrain(settings(), one, out=tmp_path / "out")
    unlabelled = load_training(f"images:{textures}", labels=False)
    with pytest.raises(InputError, match="but has none. Add classes, or use method dino"):
        pretrain(settings(), unlabelled, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
