import pytest

from polyscale.errors import MissingExtraError, RunError
from polyscale.robot import PickingScene, SceneSettings


@pytest.fixture
def draws():
    try:  # not importorskip: MuJoCo looks for what draws when it is imported
        PickingScene(SceneSettings(), 16).close()
    except (MissingExtraError, RunError) as error:
        pytest.skip(str(error))


def test_record_writes_a_data_set(draws, run, tmp_path):
    out = tmp_path / "demonstrations"
    result = run("robot", "record", "--episodes", 1, "--side-px", 16, "--out", out)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{out}: 1 episodes, ")
    assert "recording: 1 of 1 episodes" in result.stderr
    assert (out / "meta/info.json").exists()


def test_mistakes_are_one_line(run, refused, tmp_path):
    result = run("robot", "record", "--episodes", 0, "--out", tmp_path / "out")
    refused(result, "episodes must be a whole number from 1 to", "but got 0")
    act = ("robot", "act", "--head", tmp_path / "none", "--out", tmp_path / "out")
    refused(run(*act, "--episodes", 0), "episodes must be a whole number from 1 to", "but got 0")
    assert not (tmp_path / "out").exists()


def test_a_policy_that_is_none_is_refused(run, refused, tmp_path):
    result = run("robot", "act", "--head", tmp_path / "none", "--out", tmp_path / "out")
    refused(result, "head must be a file, but there is no")
    assert not (tmp_path / "out").exists()
