import pytest
import timm

from polyscale.learning.pretraining import PretrainSettings, read_pretrained

TINY = (
    *("--model", "vit_tiny_patch16_224", "--batch", "6"),
    *(
        part
        for value in ("img_size=32", "patch_size=8", "embed_dim=24", "depth=1", "num_heads=2")
        for part in ("--model-arg", value)
    ),
)


def test_a_backbone_is_trained_and_read_again(run, textures, tmp_path):
    out = tmp_path / "out"
    given = (
        *("pretrain", *TINY, "--data", f"folder:{textures}", "--out", out),
        *("--scales", "1,2", "--set", "steps=3", "--set", "augmentation=none"),
    )
    first = run(*given)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"timm:{out / 'model'}: trained in 3 steps, loss of the last")
    assert "pre-training: 3 of 3 steps, loss" in first.stderr
    assert timm.create_model(f"local-dir:{out / 'model'}", pretrained=True).embed_dim == 24
    assert read_pretrained(out).steps == 3
    again = run(*given)
    assert again.stdout == first.stdout
    assert "pre-training" not in again.stderr


def test_options_come_from_a_file(run, textures, tmp_path):
    file = tmp_path / "pretrain.toml"
    file.write_text(
        'model = "vit_tiny_patch16_224"\n'
        f'data = "images:{textures}"\n'
        'method = "dino"\n'
        'scales = "1"\n'
        "batch = 4\n"
        'model-arg = ["img_size=16", "patch_size=8", "embed_dim=8", "depth=1", "num_heads=1"]\n'
        'set = ["steps=1", "prototypes=8", "local_crops=0"]\n'
    )
    pytest.importorskip("lightly")
    result = run("pretrain", "--config", file, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--set", "steps"), "set must be NAME=VALUE with each name once, but got 'steps'"),
        (
            ("--set", "learning-rate=1"),
            "--set must not give learning_rate, which has an option of its own",
        ),
        (("--set", "model_args={depth=1}"), "Use --model-arg instead"),
        (("--set", "step=3"), "step is not an option of pre-training. Did you mean 'steps'"),
        (("--set", "steps=few"), "steps must be a whole number of at least 1, but got 'few'"),
        (("--scales", "one"), "scales must be numbers with commas between, but got 'one'"),
        (("--method", "mae"), "method must be one of supervised, dino"),
        (("--data", "wds:none-*.tar"), "must name tar files on this machine, but none matches"),
    ],
)
def test_mistakes_are_one_line(run, refused, textures, tmp_path, more, told):
    out = tmp_path / "out"
    refused(run("pretrain", *TINY, "--data", f"folder:{textures}", "--out", out, *more), told)
    assert not out.exists()


def test_help_shows_the_defaults_of_the_settings(run):
    help_ = " ".join(run("pretrain", "--help", columns=300).stdout.split())
    settings = PretrainSettings(model="m")
    for name in ("epochs", "batch", "learning_rate", "precision", "seed"):
        value = getattr(settings, name)
        shown = value if isinstance(value, str) else f"{value:g}"
        about = help_.partition(f"--{name.replace('_', '-')} ")[2].partition("--")[0]
        assert f"[default: ({shown})]" in about, name
