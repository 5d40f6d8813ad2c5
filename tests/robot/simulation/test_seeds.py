from itertools import combinations

from polyscale.robot.demonstrations.evaluation_scenes import MOST
from polyscale.robot.demonstrations.recording import MAX_EPISODES, MAX_FAILED
from polyscale.robot.simulation import seeds
from polyscale.studies.predict import acting


def test_no_scene_serves_two_purposes():
    ranges = [seeds.RECORDING, seeds.TUNING, seeds.ACTING, seeds.VALIDATION, seeds.EVALUATION]
    for first, second in combinations(ranges, 2):
        assert max(first[0], second[0]) > min(first[-1], second[-1])


def test_every_number_that_may_be_asked_for_has_its_scenes():
    assert len(seeds.ACTING) >= 2 * acting.MOST
    assert len(seeds.EVALUATION) >= MOST
    assert seeds.SCENES_PER_RECORDING >= MAX_EPISODES * MAX_FAILED
    last = seeds.MAX_RECORDING_SEED * seeds.SCENES_PER_RECORDING
    assert last + seeds.SCENES_PER_RECORDING - 1 in seeds.RECORDING
