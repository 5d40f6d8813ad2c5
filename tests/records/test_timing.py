import pytest

from polyscale.records import timing
from polyscale.records.timing import Watch


@pytest.fixture
def clock(monkeypatch):
    """Time goes on where it is told to."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_a_stage_inside_another_counts_for_itself(clock):
    watch = Watch()
    with watch.stage("controls"):
        clock(1)
        with watch.stage("features"):
            clock(2)
            with watch.model(5):
                clock(3)
        with watch.stage("features"):
            clock(4)
        clock(5)
    with watch.stage("controls"):
        clock(6)
    found = watch.timing()
    assert found.stages == {"features": 9, "controls": 12}
    assert found.to_dict() == {
        "wall_s": 21,
        "model_s": 3,
        "num_tiles": 5,
        "stages": found.stages,
        "busy_share": pytest.approx(1 / 3),
    }


def test_what_fails_is_counted_too(clock):
    watch = Watch()

    def fail():
        with watch.stage("features"):
            clock(2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with watch.stage("costs"):
        clock(1)
    assert watch.timing().stages == {"features": 2, "costs": 1}


def test_a_model_that_did_not_run_has_no_busy_share():
    assert Watch().timing().busy_share is None
