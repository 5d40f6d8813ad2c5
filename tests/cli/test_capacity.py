import pytest
from tests.tiny_idx import write_idx


def test_its_options_are_those_of_its_task_alone(run):
    text = run("capacity", "--help").stdout
    assert "--layer-epochs" in text
    assert "--learning-rate" in text
    assert "--protocol" not in text
    assert "Tasks, their data" not in text


@pytest.mark.weights
@pytest.mark.usefixtures("no_charts")
def test_a_run_and_the_same_as_a_comparison(run, tmp_path):
    data, out = f"idx:{write_idx(tmp_path / 'bars', 24, 6)}", tmp_path / "run"
    common = ("--data", data, "--out", str(out), "--layer-batch", "12", "--layer-epochs", "2")
    common += ("--no-costs", "--no-floors", "--cache", str(tmp_path / "cache"))
    common += ("--candidates", "pip:efficientnet_lite0@1")
    done = run("capacity", *common)
    assert "has a memorisation loss of" in done.stdout
    assert "on 24 training images" in done.stdout
    again = run("compare", "--task", "capacity", *common)
    assert "already there" in again.stderr


@pytest.mark.weights
def test_too_few_images_for_a_batch(run, refused, tmp_path):
    data = f"idx:{write_idx(tmp_path / 'bars', 24, 6)}"
    common = ("--data", data, "--out", str(tmp_path / "run"))
    done = run("capacity", *common, "--candidates", "pip:efficientnet_lite0@1")
    refused(done, "batch must be at most the number of training images, 24, but got 256")
