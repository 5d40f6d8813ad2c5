from dataclasses import dataclass, field

import torch

import polyscale
from polyscale.tasks import ClassificationSettings, SegmentationSettings
from polyscale.tasks.settings import PooledSettings
from polyscale.types import short_repr


@dataclass(frozen=True, kw_only=True)
class Choices:
    needed: int
    size: int = 3
    names: tuple[str, ...] = field(default_factory=tuple)

    __repr__ = short_repr


def test_only_what_differs_from_the_defaults_is_shown():
    assert repr(Choices(needed=1)) == "Choices(needed=1)"
    assert repr(Choices(needed=1, names=("a",))) == "Choices(needed=1, names=('a',))"


def test_settings_are_short_also_those_of_a_users_task():
    @dataclass(frozen=True, kw_only=True)
    class OwnSettings(PooledSettings):
        power: int = 2

    shared = f"device={ClassificationSettings().device!r})"  # decided once, so it is shown
    assert repr(ClassificationSettings()) == f"ClassificationSettings({shared}"
    assert repr(SegmentationSettings(seed=3)) == f"SegmentationSettings(seed=3, {shared}"
    assert repr(OwnSettings(power=3)).startswith("OwnSettings(")
    assert repr(OwnSettings(power=3)).count("=") == 2


def test_models_are_one_line():
    model = polyscale.wrap(torch.nn.Conv2d(3, 8, 16, 16), scales=(1, 2), tile_hw=(32, 32))
    text = repr(model)
    assert text.startswith("MultiScale('")
    assert text.endswith("MultiScaleConfig(scales=(1, 2)), out_channels=16)")
    assert "tile_hw=(32, 32), grid_hw=(2, 2), dim=8, num_prefix=0)" in repr(model.backbone)
    assert "\n" not in text + repr(model.backbone)
