"""A target's features from those of smaller models: tiny ones, on smooth images."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import TinyBackbone
from tests.tiny_study import use_models
from torch.nn import functional as F

from polyscale.comparison import read_run
from polyscale.data import DataSet
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.report import read_answers, write_report
from polyscale.studies import (
    is_finished,
    plan_compare,
    plan_reconstruct,
    reconstruct_larger,
    run_and_explain,
    run_compare,
    run_reconstruct,
    write_run,
)
from polyscale.tasks import ClassificationSettings
from polyscale.tasks.reconstruction import ReconstructionSettings

SMALL, LARGE, HUGE = "tiny:net_small", "tiny:net_large", "tiny:net_huge"
FROM = (f"{SMALL}@1", f"{SMALL}@1,2")
FAST = ReconstructionSettings(dtype="fp32", costs=False)


@pytest.fixture(scope="module")
def models():
    """Three sizes; the target's map has 5 × 5 cells, the others' 4 × 4."""
    made = {}
    for seed, (name, dim, tile) in enumerate(((SMALL, 4, 32), (LARGE, 12, 40), (HUGE, 24, 32))):
        torch.manual_seed(seed)
        made[name] = TinyBackbone(dim=dim, tile=tile)
        made[name].name = name
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, made, resamples=200)
        patch.setattr("polyscale.studies.reconstruct.run.load", made.__getitem__)
        yield made


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Soft colours in a folder without classes."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(36):
        coarse = Image.fromarray(generator.integers(0, 255, (5, 5, 3), dtype=np.uint8))
        coarse.resize((80, 64), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def plan(models, photos):
    return plan_reconstruct(f"folder:{photos}", LARGE, FROM, upper=HUGE, settings=FAST)


@pytest.fixture(scope="module")
def study(plan):
    return run_reconstruct(plan)


def tokens(model, scales, images, grid_hw):
    """Features by the operator and torch's own resampling (tokens, channels)."""
    module = MultiScale(model, scales, prefix="none", dtype="fp32")
    pictures = [images.read(index) for index in range(len(images))]
    with torch.inference_mode():
        maps = module(module.preprocess(pictures)).map
    if tuple(maps.shape[2:]) != grid_hw:
        maps = F.interpolate(maps, grid_hw, mode="bilinear", align_corners=False)
    return maps.permute(0, 2, 3, 1).flatten(0, 2).double().numpy()


@pytest.mark.parametrize("scales", [(1,), (1, 2)])
def test_the_loss_is_that_of_least_squares(scales, study, plan, models):
    """Without a regulariser, on the same split; so much data need hardly any."""
    train, test, target, wanted = (
        tokens(models[name], own, split, (5, 5))
        for name, own in ((SMALL, scales), (LARGE, (1,)))
        for split in (plan.data.train, plan.data.test)
    )
    ones = [np.concatenate([rows, np.ones((len(rows), 1))], axis=1) for rows in (train, test)]
    weights, *_ = np.linalg.lstsq(ones[0], target, rcond=None)
    found = study.reconstruction.record
    name = f"{SMALL}@{','.join(map(str, scales))}"
    for split, rows, truth in (("train", ones[0], target), ("test", ones[1], wanted)):
        loss, constant = ((truth - rows @ weights) ** 2).mean(), truth.var(axis=0).mean()
        row = found.of(split)[name]
        assert row.loss_constant == pytest.approx(constant, rel=1e-3)
        assert row.loss == pytest.approx(loss, rel=0.02)
        assert row.info_bits == pytest.approx(-np.log2(loss / constant), abs=0.03)
        assert row.info_bits > 0.1


def test_what_images_say_is_what_moments_say(study):
    """Losses are computed image by image, channels and directions from moments alone."""
    for evaluation in study.evaluations.values():
        for figures in (evaluation.head.train, evaluation.head.test):
            lost = figures.residuals.sum() / figures.variances.sum()
            information = figures.information
            assert -np.log2(lost) == pytest.approx(information.value, abs=1e-3)


def test_rows_of_both_splits_and_the_share_of_the_upper_bound(study):
    found = study.reconstruction.record
    assert (found.target, found.upper, found.grid_hw) == (f"{LARGE}@1", f"{HUGE}@1", (5, 5))
    assert found.num_images == (24, 12)
    assert found.num_tokens == (24 * 25, 12 * 25)
    for split in ("train", "test"):
        rows = found.of(split)
        assert list(rows) == [*FROM, f"{HUGE}@1"]
        bound = rows[found.upper]
        assert (bound.ratio, bound.ratio_low, bound.ratio_high) == (1, 1, 1)
        for row in rows.values():
            assert row.info_bits == pytest.approx(-np.log2(row.loss / row.loss_constant))
            assert row.ratio == pytest.approx(row.info_bits / bound.info_bits)
            assert row.ratio_low <= row.ratio <= row.ratio_high
            assert row.resampled == "from 4×4 to 5×5 cells, linear"
            assert 0 < row.cka <= 1
            assert list(row.r2) == sorted(row.r2)
    train = found.of("train")
    assert train[FROM[1]].info_bits >= train[FROM[0]].info_bits
    for row in study.rows:
        own = found.of("test")[row.candidate]
        assert row.value == own.info_bits
        assert (row.ci_low, row.ci_high) == (own.info_low, own.info_high)
        assert row.scores == {
            "loss": own.loss,
            "loss_constant": own.loss_constant,
            "ratio": own.ratio,
        }
        assert row.train_value == train[row.candidate].info_bits
        assert row.selection_value < row.train_value


def test_information_does_not_depend_on_the_scale_of_the_target(plan, study, models):
    class Louder(TinyBackbone):
        def forward(self, tiles):
            features = super().forward(tiles)
            return features._replace(map=50 * features.map)

    louder = Louder(dim=12, tile=40)
    louder.load_state_dict(models[LARGE].state_dict())
    found = run_reconstruct(
        plan_reconstruct(plain_images(plan), {"louder": louder}, FROM[:1], settings=FAST)
    )
    (row,) = found.rows
    assert row.value == pytest.approx(study.rows[0].value, abs=2e-3)
    assert row.scores["loss"] == pytest.approx(2500 * study.rows[0].scores["loss"], rel=1e-2)
    assert "ratio" not in row.scores


def plain_images(plan):
    """The images of a plan as a data set of their own."""
    data = plan.data
    return DataSet(name=data.name, train=data.train, test=data.test, about=data.about)


def test_the_folder_and_the_page(study, plan, tmp_path, models):
    out = tmp_path / "run"
    write_run(study, out)
    page = write_report(out).read_text()
    assert "What does the larger model have that smaller ones lack?" in page
    assert page.count("leaves unexplained") == 8 * 3
    assert "the upper bound, gives." in read_answers(out)[1]
    assert is_finished(out, plan.facts, plan.files)
    written = json.loads((out / "reconstruction.json").read_text())
    assert len(written["rows"]) == 6
    again = read_run(out)
    assert again.reconstruction == study.reconstruction.record
    np.testing.assert_allclose(
        again.scores[FROM[0]].statistics.mean(axis=0),
        [study.rows[0].scores["loss"], study.rows[0].scores["loss_constant"]],
    )


def test_pictures_that_are_damaged_are_named(study, tmp_path):
    write_run(study, tmp_path / "run")
    changed = replace(
        study.reconstruction,
        pictures=tuple(p for p in study.reconstruction.pictures if p.candidate != FROM[1]),
    )
    changed.write_pictures(tmp_path / "run")
    with pytest.raises(InputError, match=r"residuals.parquet .* has no map of tiny:net_small@1,2"):
        write_report(tmp_path / "run")


def test_the_larger_model_of_a_comparison(models, image_folder):
    settings = ClassificationSettings(dtype="fp32", floors=False, costs=False)
    comparison = run_compare(
        plan_compare(f"folder:{image_folder}", [*FROM, f"{LARGE}@1"], settings)
    )
    found = reconstruct_larger(comparison).record
    assert (found.target, found.upper) == (f"{LARGE}@1", None)
    assert list(found.of("test")) == list(FROM)
    assert all(row.ratio is None for row in found.rows)
    with pytest.raises(InputError, match="comparison must have a verdict"):
        reconstruct_larger(replace(comparison, verdicts=()))


def test_the_page_of_a_comparison_says_why(models, image_folder, tmp_path):
    settings = ClassificationSettings(dtype="fp32", floors=False, costs=False, why=True)
    given = (f"folder:{image_folder}", [*FROM, f"{LARGE}@1"], settings)
    write_run(run_and_explain(plan_compare(*given)), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    assert "What the larger model has that smaller ones lack" in page
    assert "Do you need a larger vision model?" in page
    assert "information about those of net_large" in " ".join(read_answers(tmp_path / "run"))


def test_a_comparison_goes_on_without_a_reconstruction(models, image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("polyscale.tasks.reconstruction.task.NUM_COPIES", 10**18)
    settings = ClassificationSettings(dtype="fp32", floors=False, costs=False, why=True)
    given = (f"folder:{image_folder}", [*FROM, f"{LARGE}@1"], settings)
    study = run_and_explain(plan_compare(*given))
    assert study.reconstruction is None
    write_run(study, tmp_path / "run")
    assert "was not reconstructed: tiny:net" in read_answers(tmp_path / "run")[-1]
    for row in study.rows:
        assert "moments that fit into memory" in row.settings["reconstruction_left_out"]


def refuse(match, photos, target=LARGE, candidates=FROM, **more):
    with pytest.raises(InputError, match=match):
        plan_reconstruct(f"folder:{photos}", target, candidates, settings=FAST, **more)


def test_models_that_cannot_be_compared(models, photos):
    refuse("must be another model than the target .* more capacity", photos, upper=LARGE)
    refuse("tiny:net_large@2 must be another model", photos, candidates=[f"{LARGE}@2"])
    refuse("target must be one model, but got", photos, target=FROM)
    twin = TinyBackbone(dim=12, tile=40)
    twin.load_state_dict(models[LARGE].state_dict())
    with pytest.raises(InputError, match="twin@1 must be another model than the target"):
        plan_reconstruct(
            f"folder:{photos}", {"target": models[LARGE]}, {"twin": twin}, settings=FAST
        )


def test_an_upper_bound_that_is_smaller_is_told(models, photos):
    plan = plan_reconstruct(f"folder:{photos}", HUGE, FROM, upper=LARGE, settings=FAST)
    (note,) = plan.data.notes
    assert "tiny:net_large@1 has 0.0 M parameters" in note
    assert "may exceed 100 %" in note
    assert plan.facts["data_notes"] == [note]


def test_too_few_images_are_counted(models, photos):
    with pytest.raises(
        InputError,
        match="must have at least 7 training images .* its 72 channels .* 4 of 16 tokens",
    ):
        plan_reconstruct(f"folder:{photos}?limit=6", LARGE, [f"{HUGE}@1,2,3"], settings=FAST)
    plan_reconstruct(f"folder:{photos}?limit=11", LARGE, [f"{HUGE}@1,2,3"], settings=FAST)


def test_grids_that_tell_no_places_apart(models, photos):
    flat = TinyBackbone(dim=4, tile=32, patch=32)
    refuse("must have a map that can be aligned with the 5×5 cells", photos, candidates={"f": flat})


def test_features_that_do_not_vary(models, photos):
    class Blank(TinyBackbone):
        def forward(self, tiles):
            features = super().forward(tiles)
            return features._replace(map=torch.ones_like(features.map))

    blank = plan_reconstruct(f"folder:{photos}", {"blank": Blank(dim=4)}, FROM[:1], settings=FAST)
    with pytest.raises(InputError, match=r"target blank@1 must give .* in 24 images, from '1.png'"):
        run_reconstruct(blank)
    study = run_reconstruct(
        plan_reconstruct(
            f"folder:{photos}", LARGE, [FROM[0], {"blank": Blank(dim=4)}], settings=FAST
        )
    )
    (failure,) = study.failures
    assert "blank must give features that vary, but its features of all training" in failure.error


def test_features_that_are_no_numbers_name_the_image(models, photos):
    class Broken(TinyBackbone):
        def forward(self, tiles):
            features = super().forward(tiles)
            bright = tiles.mean(dim=(1, 2, 3)) > 0
            return features._replace(map=features.map / (~bright)[:, None, None, None])

    broken = plan_reconstruct(
        f"folder:{photos}", {"broken": Broken(dim=4)}, FROM[:1], settings=FAST
    )
    with pytest.raises(InputError, match=r"NaN or infinite features at scale 1 for image '\d+.png"):
        run_reconstruct(broken)
