import json

import pytest
from tests.tiny_idx import write_idx

pytest.importorskip("timm")
pytest.importorskip("tensorboard")

TINY = "vit_tiny_patch16_224?img_size=14&patch_size=7&num_heads=1&embed_dim={}&depth={}"


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Four tiny arms, without their folder."""
    data = write_idx(tmp_path_factory.mktemp("images") / "bars", 72, 24)
    return (
        *("pretrain-arms", "--data", f"idx:{data}", "--epochs", "1"),
        *("--base", TINY.format(8, 1), "--larger", TINY.format(24, 2)),
        *("--set", "batch=8", "--set", "workers=1"),
    )


def test_four_arms_are_trained_and_compared(run, command, tmp_path):
    out = tmp_path / "arms"
    given = (*command, "--out", out, "--cache", tmp_path / "cache", "--json")
    first = run(*given)
    assert first.returncode == 0, first.stderr
    rows = json.loads((out / "comparison" / "results.json").read_text())
    assert {row["candidate"] for row in rows} == {
        "base@1", "base@1,2", "larger@1", "base-s2@1,2"
    }  # fmt: skip
    assert (out / "comparison" / "report.html").is_file()
    again = run(*given)
    assert again.returncode == 0, again.stderr
    assert "pre-training" not in again.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            ("--set", "epochs=3"),
            "--set must not give epochs, which has an option of its own. Use --epochs instead",
        ),
        (
            ("--seeds", "2"),
            "seeds must be at least 3, so that the spread of trainings is known, but got 2",
        ),
        (("--set", "model=resnet18"), "Use --base and --larger instead"),
        (("--scales", "one"), "scales must be numbers with commas between, but got 'one'"),
        (("--base", "vit_tiny_patch16_224?img_size"), "base must be NAME?ARGUMENT=VALUE&"),
        (("--larger", "vit?depth="), "larger must be NAME?ARGUMENT=VALUE&"),
    ],
)
def test_mistakes_are_one_line(run, refused, command, tmp_path, more, told):
    out = tmp_path / "out"
    refused(run(*command, "--out", out, *more), told)
    assert not out.exists()
