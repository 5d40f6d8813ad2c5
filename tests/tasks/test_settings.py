"""Rules that users of Python and of the command line meet alike."""

from dataclasses import dataclass

import pytest

from polyscale.errors import InputError
from polyscale.learning.heads.dense import TrainSettings
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.views import ViewSettings
from polyscale.operator.multiscale.runner import check_device
from polyscale.tasks import (
    DepthSettings,
    PooledSettings,
    SegmentationSettings,
    get_task,
    group_options,
    loadable_tasks,
    make_settings,
    option,
)
from polyscale.tasks.options import options_of

SHARED = {"source": "native", "dtype": "fp32", "seed": 0}


def settings_of(task, given):
    return make_settings(get_task(task).settings_type, SHARED | given, task=task)


def test_depth_does_not_resize_when_it_augments():
    with pytest.raises(InputError, match=r"augment.resize must be \(1, 1\) for depth, but got"):
        DepthSettings(augment=AugmentSettings(crop_hw=(64, 64)))
    settings = DepthSettings(augment=AugmentSettings(crop_hw=(64, 64), resize=(1, 1)))
    assert settings.augment.resize == (1, 1)
    assert SegmentationSettings(augment=AugmentSettings(crop_hw=(64, 64))).augment is not None


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_the_option_augments_as_the_task_allows(task):
    settings = settings_of(task, {"augment": True})
    assert settings.augment == settings.default_augment


def test_warm_up_is_at_most_a_tenth_of_fewer_steps():
    settings = SegmentationSettings(
        head="linear", training=TrainSettings(steps=200, warmup_steps=20)
    )
    shorter, longer = settings.with_steps(50), settings.with_steps(400)
    assert (shorter.training.steps, shorter.training.warmup_steps) == (50, 5)
    assert (longer.training.steps, longer.training.warmup_steps) == (400, 20)
    own = SegmentationSettings(head="upernet").with_steps(120).training
    assert (own.steps, own.warmup_steps, own.batch) == (120, 12, 8)
    assert settings_of("segmentation", {"head": "upernet", "steps": 120}) == (
        SegmentationSettings(**SHARED, head="upernet").with_steps(120)
    )


def test_a_precision_that_there_is_not():
    with pytest.raises(InputError, match="dtype must be one of auto, fp32, .*, but got 'fp8'"):
        settings_of("classification", {"dtype": "fp8"})


def test_steps_that_cannot_be():
    with pytest.raises(InputError, match="steps must not be given for head knn"):
        SegmentationSettings(head="knn").with_steps(10)
    with pytest.raises(InputError, match="steps must be a whole number of at least 1, but got 0"):
        settings_of("depth", {"steps": 0})


def test_a_bad_size_is_that_of_its_own_option():
    with pytest.raises(InputError, match="--memory must be a size such as 20GB, .* got 'big'"):
        settings_of("depth", {"memory": "big"})


def test_options_of_another_task_are_refused():
    refused = {"regression": "head", "depth": "probes", "classification": "flip"}
    for task, name in refused.items():
        with pytest.raises(InputError, match=f"--{name} is no option of {task}"):
            settings_of(task, {name: True})
    assert settings_of("regression", {"features": "mean"}).feature == "mean"


@pytest.mark.parametrize("task", loadable_tasks(), ids=lambda task: task.name)
def test_no_option_gives_the_defaults(task):
    kind = task.settings_type
    assert make_settings(kind, dict.fromkeys(options_of(kind)), task=task.name) == kind()


@pytest.mark.parametrize("task", loadable_tasks(), ids=lambda task: task.name)
def test_help_is_sentences_and_shows_the_default(task):
    for name, (field, own) in options_of(task.settings_type).items():
        assert own.help[0].isupper(), name
        assert own.help.endswith("."), name
        default = getattr(task.settings_type(device="auto"), field)
        if own.default and own.change is None and default is not None:
            parsed = own.parse(own.default) if own.parse else own.default
            shown = str(check_device(parsed)) if name == "device" else parsed
            assert str(shown) == str(default), name


def test_options_become_fields():
    made = settings_of(
        "depth",
        {"grid": "32x16", "memory": "2GB", "tile-batch": "3", "windows": "slide", "flip": True},
    )
    assert made == DepthSettings(
        **SHARED,
        grid=(32, 16),
        memory_bytes=2 * 10**9,
        tile_batch=3,
        views=ViewSettings(windows="slide", flip=True),
    )


@dataclass(frozen=True, kw_only=True)
class OwnSettings(PooledSettings):
    """Settings as a user writes them."""

    strength: float = option(0.5, help="How strong it is.")
    smooth: bool = option(True, help="Leave the curve as it is.")
    head: int = option(1, help="Another option of a known name.")


def test_options_of_a_users_task():
    made = make_settings(OwnSettings, {"strength": 0.25, "no-smooth": True}, task="own")
    assert (made.strength, made.smooth) == (0.25, False)
    kinds = {task.name: task.settings_type for task in loadable_tasks()} | {"own": OwnSettings}
    groups = group_options(kinds)
    assert list(groups["Options of own"]) == ["strength", "no-smooth", "head"]
    assert {"source", "device"} <= set(groups["Options of every task"])
    with pytest.raises(InputError, match="--head must be int for own, but it is read as 'dpt'"):
        make_settings(OwnSettings, {"head": "dpt"}, task="own")


def test_options_that_cannot_be():
    with pytest.raises(InputError, match="value_type of an option must be bool, int, float or str"):
        option((1, 2), help="A pair.")
    with pytest.raises(InputError, match="name of an option must begin with a letter"):
        option(1, name="--pair", help="A pair.")


def test_a_group_that_most_tasks_have_is_named_by_the_others():
    groups = group_options({task.name: task.settings_type for task in loadable_tasks()})
    assert list(groups["Options of every task but questions, capacity and picking"]) == ["repeats"]
