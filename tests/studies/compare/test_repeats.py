"""The comparison on other draws of the images."""

import pytest
from tests.tiny_study import CANDIDATES, LARGE, SMALL

from polyscale.errors import InputError
from polyscale.records import Repeats, read_json
from polyscale.stats import split_interval
from polyscale.tasks import get_task

NUM = 3


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    """A run with repeats, on a folder whose split is drawn; and its study."""
    from tests.conftest import make_textures
    from tests.studies.compare.conftest import make_study

    folder = make_textures(tmp_path_factory.mktemp("repeated") / "textures")
    with pytest.MonkeyPatch.context() as patch:
        study = make_study(folder, patch)
        yield study(repeats=NUM), study


def test_each_repeat_is_what_a_run_with_its_seed_finds(repeated):
    comparison, study = repeated
    repeats = comparison.repeats
    assert [draw.seed for draw in repeats.draws] == [1, 2, 3]
    assert repeats.drawn == "split"
    other = study(seed=1)
    assert repeats.draws[0].num_test == other.rows[0].num_test
    for row in other.rows:  # images stand in another order, so the folds are others
        assert repeats.draws[0].values[row.candidate] == pytest.approx(row.value, abs=0.1)


def test_no_features_are_computed_for_repeats(repeated):
    comparison, study = repeated
    plain = study()
    assert comparison.timing.num_tiles == plain.timing.num_tiles
    assert [row.value for row in comparison.rows] == [row.value for row in plain.rows]
    assert plain.repeats is None


def test_intervals_are_of_the_values_of_all_draws(repeated):
    comparison, _ = repeated
    draws = comparison.repeats.draws
    own = {row.candidate: row.value for row in comparison.rows}
    values = [own, *(draw.values for draw in draws)]
    sizes = {"num_train": draws[0].num_train, "num_test": draws[0].num_test}
    assert len(comparison.repeats.contrasts) == len(comparison.contrasts)
    for contrast in comparison.repeats.contrasts:
        differences = [each[contrast.first] - each[contrast.second] for each in values]
        found = (contrast.difference, contrast.ci_low, contrast.ci_high)
        assert found == pytest.approx(split_interval(differences, **sizes))


def test_every_draw_has_a_value_for_each_candidate_and_an_outcome_for_each_family(repeated):
    comparison, _ = repeated
    for draw in comparison.repeats.draws:
        assert list(draw.values) == CANDIDATES
        assert set(draw.outcomes) == {verdict.family for verdict in comparison.verdicts}
        assert draw.recommended in CANDIDATES


def test_repeats_are_written_and_read_again(repeated, tmp_path):
    comparison, _ = repeated
    comparison.save(tmp_path)
    assert read_json(tmp_path / "repeats.json", Repeats) == comparison.repeats
    assert "repeats.json" in comparison.plan.files


def test_a_candidate_that_fails_is_in_no_repeat(study):
    def forward(tiles):
        raise ValueError("broken")

    study.models[LARGE].forward = forward
    comparison = study(repeats=2)
    assert {name for draw in comparison.repeats.draws for name in draw.values} == {
        f"{SMALL}@1",
        f"{SMALL}@1,2",
    }


@pytest.mark.parametrize("repeats", [1, -1, 1001, 2.0, True])
def test_a_number_of_repeats_that_says_nothing_is_refused(repeats):
    with pytest.raises(InputError, match="repeats must be 0, or from 2 to 1000"):
        get_task("classification").settings_type(repeats=repeats)
