"""`polyscale recipe` for the robot."""


def test_it_is_shown_and_priced_but_not_run(run, refused):
    shown = run("recipe", "show", "picking-mvp", columns=200)
    for words in ("62.5", "timm:vit_base_patch16_224.mae@1,2", "Table 10", "16 trials"):
        assert words in shown.stdout, words
    dry = run("recipe", "run", "picking-mvp", "--dry")
    assert dry.returncode == 0, dry.stderr
    assert "A real run needs" in dry.stdout
    words = "recipe picking-mvp can only be run with --dry"
    refused(run("recipe", "run", "picking-mvp"), words)
    refused(run("recipe", "run", "picking-mvp", "--data", "lerobot:x"), words)
