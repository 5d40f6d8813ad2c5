"""The recipes of Table 2."""

import pytest
from tests.conftest import TinyBackbone
from tests.tiny_study import use_models

from polyscale.cli.recipe import reconstruction
from polyscale.cli.recipe.kind import RunOptions
from polyscale.data.published import load_paper
from polyscale.errors import InputError
from polyscale.records import is_run
from polyscale.studies.recipes import RECONSTRUCTIONS, find_recipe


def test_every_figure_of_the_table_is_in_one_recipe():
    published = [row for recipe in RECONSTRUCTIONS.values() for row in recipe.published]
    assert len(published) == len(load_paper("reconstruction"))
    assert find_recipe("reconstruct-vit").published[0].value == 0.44


@pytest.mark.parametrize("recipe", RECONSTRUCTIONS.values(), ids=lambda r: r.name)
def test_an_upper_bound_is_larger_than_its_target(recipe):
    assert recipe.upper.params_m > recipe.target.params_m
    assert len(recipe.checkpoints) == 3
    size = recipe.size(20_000)
    assert size.tiles == 20_000 * (14 + 1 + 1)
    assert size.feature_bytes == 20_000 * 2 * (
        3 * 768 * 196
        + recipe.target.dim * (224 // recipe.target.cell_px) ** 2
        + recipe.upper.dim * (224 // recipe.upper.cell_px) ** 2
    )
    assert recipe.settings(dtype="fp32").source == "base"


@pytest.fixture
def stand_ins(monkeypatch):
    """Tiny models under the names of the recipe's checkpoints."""
    recipe = RECONSTRUCTIONS["reconstruct-vit"]
    models = {}
    for dim, checkpoint in zip((4, 8, 12), recipe.checkpoints, strict=True):
        models[checkpoint.source] = TinyBackbone(dim=dim)
        models[checkpoint.source].name = checkpoint.source
    use_models(monkeypatch, models, resamples=50)
    for place in ("reconstruct.run", "recipes.prepare"):
        monkeypatch.setattr(f"polyscale.studies.{place}.load", models.__getitem__)
    return recipe


def run(recipe, data, out, **given):
    cache = out.parent / "cache"
    options = RunOptions(data=data, out=out, per_class=8, given=given, cache=cache)
    reconstruction.KIND.check(recipe, options, dry=False)
    return list(reconstruction.run(recipe, options))


def test_a_recipe_runs_on_stand_ins(stand_ins, imagenet, tmp_path, capsys):
    heading, table = run(stand_ins, f"imagenet:{imagenet}", tmp_path / "run", dtype="fp32")
    assert heading == "The paper's figures:"
    assert table.row_count == 3
    assert is_run(tmp_path / "run")
    assert "the upper bound, gives" in capsys.readouterr().out


def test_mistakes(stand_ins, imagenet, tmp_path):
    with pytest.raises(InputError, match="must be imagenet:PATH, but got 'rooms'"):
        run(stand_ins, "rooms", tmp_path / "run")
    with pytest.raises(InputError, match="steps must not be given"):
        run(stand_ins, f"imagenet:{imagenet}", tmp_path / "run", steps=3)


@pytest.fixture
def imagenet(image_folder, tmp_path):
    """Nine images of each of three classes; nine for validation and their solution."""
    root = tmp_path / "imagenet"
    (root / "val").mkdir(parents=True)
    lines = ["ImageId,PredictionString"]
    number = 0
    for name, wnid in {"fine": "n01440764", "medium": "n02012849", "coarse": "n03126707"}.items():
        folder = root / "train" / wnid
        folder.mkdir(parents=True)
        for i, file in enumerate(sorted((image_folder / name).iterdir())):
            if i % 4:
                file.rename(folder / file.name)
                continue
            number += 1
            stem = f"ILSVRC2012_val_{number:08d}"
            file.rename(root / "val" / f"{stem}.png")
            lines.append(f"{stem},{wnid} 1 2 3 4")
    (root / "LOC_val_solution.csv").write_text("\n".join(lines))
    return root
