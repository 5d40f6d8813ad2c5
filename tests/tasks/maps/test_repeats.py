"""A dense comparison on other draws of the images."""

from dataclasses import replace

import pytest
from tests.tiny_study import CANDIDATES, Study

import polyscale
from polyscale.data import draw_again, load_depth, load_segmentation
from polyscale.errors import InputError
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.views import ViewSettings
from polyscale.report import write_report
from polyscale.tasks import DepthSettings, QuestionSettings, SegmentationSettings

ONE, TWO, _ = CANDIDATES
FITTED = {"training": None, "grid": "auto", "repeats": 2}
"""As a user has it by default: the grid is chosen, and heads are fitted in one go."""


def values(draws):
    return [draw.values for draw in draws]


@pytest.fixture(scope="module")
def repeated(study):
    return study([ONE, TWO], **FITTED)


def drawn_study(study, load=load_segmentation):
    """The same images, whose split polyscale may draw again."""
    data = replace(load(study.data), is_drawn=True)
    return Study(data, study.task, study.models, study.settings)


def assert_found_by_runs_on_each_draw(study, comparison, data, candidates, **settings):
    """A run that knows only the images of a draw finds what the repeat did."""
    for number, draw in enumerate(comparison.repeats.draws):
        alone = Study(
            draw_again(data, seed=number + 1).data, study.task, study.models, study.settings
        )(candidates, seed=number + 1, **settings)
        found = {row.candidate: row.value for row in alone.rows}
        assert found == pytest.approx(draw.values, abs=1e-3)
        assert alone.verdicts == ()
        assert draw.num_test == alone.rows[0].num_test


def test_half_of_the_training_images_choose_the_grid_and_fit_the_head(study, repeated):
    repeats = repeated.repeats
    assert repeats.drawn == "training"
    assert [(draw.num_train, draw.num_test) for draw in repeats.draws] == [(6, 6)] * 2
    first, second = values(repeats.draws)
    assert first != second
    data = load_segmentation(study.data)
    settings = {**FITTED, "repeats": 0}
    assert_found_by_runs_on_each_draw(study, repeated, data, [ONE, TWO], **settings)


def test_windows_of_another_split_and_their_kept_heads(study, tmp_path):
    """Heads that are trained step by step are kept, and not taken for those of another draw."""
    drawn, views = drawn_study(study), ViewSettings(windows="slide")
    comparison = drawn([TWO], views=views, repeats=2, cache=tmp_path)
    assert comparison.repeats.drawn == "split"
    assert [(draw.num_train, draw.num_test) for draw in comparison.repeats.draws] == [(12, 6)] * 2
    assert_found_by_runs_on_each_draw(study, comparison, drawn.data, [TWO], views=views)
    again = drawn([TWO], views=views, repeats=2, cache=tmp_path)
    assert again.repeats == comparison.repeats


def test_mirror_images_of_a_split_that_stays(study):
    views = ViewSettings(flip=True)
    comparison = study([ONE], views=views, repeats=2)
    data = load_segmentation(study.data)
    assert_found_by_runs_on_each_draw(study, comparison, data, [ONE], views=views)


def test_depth_is_drawn_again(study):
    drawn = replace(drawn_study(study, load_depth), task="depth")
    first, second = values(drawn([ONE], repeats=2).repeats.draws)
    assert first != second


def test_no_map_is_computed_for_repeats(study):
    repeated, plain = study([TWO], repeats=2), study([TWO])
    assert repeated.timing.num_tiles == plain.timing.num_tiles
    assert [row.value for row in repeated.rows] == [row.value for row in plain.rows]
    assert plain.repeats is None


def test_repeats_are_one_step_of_progress(study):
    told = []
    study.run([ONE], told=lambda *step, note="": told.append((*step, note)), repeats=2)
    own = [step for step in told if step[0] == f"{ONE}: repeats"]
    assert [done for _, done, _, _, note in own if not note] == [0, 1, 2]
    assert any("test images 6/6 images" in note for *_, note in own)
    assert len([step for step in told if step[0] == f"{ONE}: test images"]) == 2


def test_each_head_of_a_draw_is_trained_once(study):
    first = study([ONE], repeats=2).repeats
    assert study([ONE], repeats=2, seeds=2).repeats == first


def test_the_page_and_the_files_show_them(repeated, tmp_path, no_charts):
    repeated.save(tmp_path)
    page = write_report(tmp_path).read_text()
    assert "On other draws of the images" in page
    assert "random half of the training images (6)" in page
    again = polyscale.read_run(tmp_path)
    assert again.repeats == repeated.repeats


def test_what_can_not_be_drawn_again_is_refused_before_any_model_runs(study):
    drawn = drawn_study(study)
    with pytest.raises(InputError, match=r"repeats must be 0 where test images are mirrored"):
        drawn.plan(views=ViewSettings(flip=True), repeats=2)
    with pytest.raises(InputError, match=r"repeats must be 0 where images are altered.*got 2"):
        study.plan(augment=AugmentSettings(crop_hw=(64, 64)), repeats=2)
    for kind in (SegmentationSettings, DepthSettings):
        with pytest.raises(InputError, match="repeats must be 0, or from 2 to 1000, but got 1"):
            kind(repeats=1)
    assert not hasattr(QuestionSettings, "repeats")
