"""The recipes of Tables 3 and 4."""

from dataclasses import replace

import pytest
from tests.conftest import TinyBackbone
from tests.tiny_idx import write_idx
from tests.tiny_study import use_models

from polyscale.cli.recipe import capacity as capacity_recipe
from polyscale.cli.recipe import pretraining as pretraining_recipe
from polyscale.cli.recipe.kind import RunOptions
from polyscale.data.published import load_paper
from polyscale.errors import InputError
from polyscale.operator.backbones import load
from polyscale.records import is_run
from polyscale.studies.recipes import CAPACITIES, PRETRAININGS, pretraining


def test_every_figure_of_the_tables_is_in_one_recipe():
    losses = [entry.published for recipe in CAPACITIES.values() for entry in recipe.entries]
    assert losses == [row.value for row in load_paper("capacity")]
    rows = [row for recipe in PRETRAININGS.values() for row in recipe.published]
    assert rows == list(load_paper("pretraining"))


@pytest.mark.parametrize("recipe", CAPACITIES.values(), ids=lambda r: r.name)
def test_a_base_model_at_two_scales_stands_against_a_larger_one(recipe):
    base, larger, several = recipe.entries
    assert base.checkpoint is several.checkpoint
    assert larger.checkpoint.params_m > base.checkpoint.params_m
    assert [entry.scales for entry in recipe.entries] == [(1,), (1,), (1, 2)]
    settings = recipe.settings(dtype="fp32")
    assert settings.source == "base"
    assert settings.metric in ("memorisation", "training_loss")
    models, heads = recipe.macs(1000)
    expected = 1000 * (5 * base.checkpoint.gmacs + larger.checkpoint.gmacs)
    assert models / 1e9 == pytest.approx(expected, rel=0.01)
    assert heads > 0


@pytest.mark.parametrize("recipe", PRETRAININGS.values(), ids=lambda r: r.name)
def test_backbones_are_those_of_the_table(recipe):
    pytest.importorskip("timm")
    settings = recipe.settings()
    for name, checkpoint in (("base", recipe.small), ("larger", recipe.larger)):
        training = settings.trainings(0)[name]
        args = "&".join(f"{key}={value}" for key, value in training.model_args.items())
        assert args == "img_size=224"
        model = load(f"timm:{training.model}", weights=False, tile_hw=(224, 224))
        assert model.grid_hw == checkpoint.grid_hw
        params = sum(parameter.numel() for parameter in model.parameters())
        positions = ((checkpoint.native_px // checkpoint.cell_px) ** 2 + 1) * checkpoint.dim
        own = dict(model.named_parameters())["model.pos_embed"].numel()  # of another size
        expected = checkpoint.params_m * 1e6 - positions
        assert params - own == pytest.approx(expected, rel=0.005)
    macs = {name: recipe.train_macs(*own) for name, *own in recipe.arms}
    assert macs["base with S²"] == pytest.approx(5 * macs["base"], rel=0.01)


@pytest.fixture
def capacity(monkeypatch):
    """Tiny models under the names of the recipe's checkpoints."""
    recipe = CAPACITIES["capacity-vit"]
    models = {}
    for dim, checkpoint in zip((4, 8), recipe.checkpoints, strict=True):
        models[checkpoint.source] = TinyBackbone(dim=dim)
        models[checkpoint.source].name = checkpoint.source
    use_models(monkeypatch, models, resamples=50)
    monkeypatch.setattr("polyscale.studies.recipes.prepare.load", models.__getitem__)
    monkeypatch.setattr("polyscale.learning.heads.budget.RATES", (10.0,))
    monkeypatch.setattr("polyscale.learning.heads.budget.FIRST_RATE", 0)
    return recipe


def imagenet_of(images, root):
    """Class folders named as ImageNet's, the same for validation."""
    for name, wnid in {"fine": "n01440764", "medium": "n02012849", "coarse": "n03126707"}.items():
        for split, chosen in {"train": lambda i: i % 4, "val": lambda i: not i % 4}.items():
            folder = root / split / wnid
            folder.mkdir(parents=True)
            for i, file in enumerate(sorted((images / name).iterdir())):
                if chosen(i):
                    (folder / file.name).write_bytes(file.read_bytes())
    return root


@pytest.mark.usefixtures("no_charts")
def test_capacity_runs_on_stand_ins(capacity, textures, tmp_path, monkeypatch):
    monkeypatch.setattr(type(capacity), "settings", lambda self, **own: _small(self.metric, **own))
    data = f"imagenet:{imagenet_of(textures, tmp_path / 'imagenet')}"
    options = RunOptions(
        data=data,
        out=tmp_path / "run",
        per_class=8,
        given={"dtype": "fp32", "steps": None},
        cache=tmp_path / "cache",
    )
    (line,) = capacity_recipe.run(capacity, options)
    assert "1.223" in line
    assert is_run(tmp_path / "run")
    with pytest.raises(InputError, match="must be imagenet:PATH, but got 'rooms'"):
        list(capacity_recipe.run(capacity, replace(options, data="rooms")))
    with pytest.raises(InputError, match="steps must not be given"):
        capacity_recipe.KIND.check(capacity, replace(options, given={"steps": 3}), dry=True)


def _small(metric, **own):
    from polyscale.tasks import CapacitySettings

    return CapacitySettings(source="base", metric=metric, epochs=2, batch=8, floors=False, **own)


@pytest.mark.usefixtures("no_charts")
def test_pretraining_runs_on_stand_ins(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    recipe = PRETRAININGS["pretrain-vit"]
    tiny = {"img_size": 14, "patch_size": 7, "embed_dim": 8, "depth": 1, "num_heads": 1}
    monkeypatch.setattr(pretraining, "MODEL_ARGS", tiny)
    given = {"steps": 2, "dtype": "fp32", "device": "cpu"}
    settings = recipe.settings(batch=6, steps=2, precision="fp32")
    monkeypatch.setattr(type(recipe), "settings", lambda self, **own: settings)
    data = f"idx:{write_idx(tmp_path / 'bars', 36, 12)}"
    options = RunOptions(data=data, out=tmp_path / "run", given=given, cache=tmp_path / "cache")
    (line,) = pretraining_recipe.run(recipe, options)
    assert "82.4" in line
    assert is_run(tmp_path / "run" / "comparison")
    assert len(list((tmp_path / "run" / "trainings").iterdir())) == 9
    with pytest.raises(InputError, match="dtype must be fp32, bf16 or fp16"):
        list(pretraining_recipe.run(recipe, replace(options, given={"dtype": "auto"})))
    with pytest.raises(InputError, match="weights-dir must not be given for pretrain-vit"):
        pretraining_recipe.KIND.check(recipe, replace(options, weights_dir=tmp_path), dry=True)
