"""Rules that users of Python and of the command line meet alike."""

import pytest

from polyscale.cli.compare_settings import make_settings
from polyscale.errors import InputError
from polyscale.heads.dense import TrainSettings
from polyscale.heads.dense.augment import AugmentSettings
from polyscale.tasks import DepthSettings, SegmentationSettings, get_task

SHARED = {"source": "native", "dtype": "fp32", "seed": 0}


def test_depth_does_not_resize_when_it_augments():
    with pytest.raises(InputError, match=r"augment.resize must be \(1, 1\) for depth, but got"):
        DepthSettings(augment=AugmentSettings(crop_hw=(64, 64)))
    settings = DepthSettings(augment=AugmentSettings(crop_hw=(64, 64), resize=(1, 1)))
    assert settings.augment.resize == (1, 1)
    assert SegmentationSettings(augment=AugmentSettings(crop_hw=(64, 64))).augment is not None


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_the_option_augments_as_the_task_allows(task):
    settings = make_settings(get_task(task), SHARED, {"augment": True})
    assert settings.augment == settings.default_augment


def test_warm_up_keeps_its_share_of_the_steps():
    settings = SegmentationSettings(
        head="linear", training=TrainSettings(steps=200, warmup_steps=20)
    )
    shorter, longer = settings.with_steps(50), settings.with_steps(400)
    assert (shorter.training.steps, shorter.training.warmup_steps) == (50, 5)
    assert (longer.training.steps, longer.training.warmup_steps) == (400, 40)
    own = SegmentationSettings(head="upernet").with_steps(120).training
    assert (own.steps, own.warmup_steps, own.batch) == (120, 2, 8)
    assert make_settings(get_task("segmentation"), SHARED, {"head": "upernet", "steps": 120}) == (
        SegmentationSettings(**SHARED, head="upernet").with_steps(120)
    )


def test_steps_that_cannot_be():
    with pytest.raises(InputError, match="steps must not be given for head knn"):
        SegmentationSettings(head="knn").with_steps(10)
    with pytest.raises(InputError, match="steps must be an int of at least 1, but got 0"):
        make_settings(get_task("depth"), SHARED, {"steps": 0})


def test_a_bad_size_is_that_of_its_own_option():
    with pytest.raises(InputError, match="memory must be a size such as 20GB, but got 'big'"):
        make_settings(get_task("depth"), SHARED, {"memory": "big"})


def test_options_of_another_task_are_refused():
    for task, option in (("regression", "head"), ("depth", "probes"), ("classification", "flip")):
        with pytest.raises(InputError, match=f"--{option} is no option of {task}"):
            make_settings(get_task(task), SHARED, {option: True})
    assert make_settings(get_task("regression"), SHARED, {"features": "mean"}).feature == "mean"
