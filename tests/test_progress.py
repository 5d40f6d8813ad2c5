import io

from rich.console import Console

from polyscale import progress as shown


def test_bars_show_the_note_and_the_rate(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(shown, "notes", Console(file=written, force_terminal=True, width=150))
    with shown.progress_bars() as progress:
        progress("linear head", 0, 40, "steps")
        progress("linear head", 10, 40, "steps", note="loss 0.51")
        progress("linear head", 40, 40, "steps", note="loss 0.31")
    last = written.getvalue().rpartition("linear head")[2]
    assert "40/40" in last
    assert "steps/s" in last
    assert "loss 0.31" in last
    assert "loss 0.51" not in last


def test_in_a_narrow_terminal_the_figures_stay_whole(monkeypatch):
    written = io.StringIO()
    narrow = Console(file=written, force_terminal=True, width=80)
    monkeypatch.setattr(shown, "notes", narrow)
    step = "pip:efficientnet_lite0@1,2: linear head"
    with shown.progress_bars() as progress:
        progress(step, 0, 300, "steps")
        progress(step, 150, 300, "steps")
        progress(step, 300, 300, "steps", note="loss 0.5857")
    last = written.getvalue().rpartition("pip:")[2]
    for whole in ("linear head", "300/300", "steps/s", "0:00:00", "loss 0.5857"):
        assert whole in last


def test_shortened_names_keep_both_ends():
    names = [
        f"timm:vit_{size}_patch16_224.augreg@{s}: head"
        for size in ("base", "large")
        for s in (1, 2)
    ]
    short = [shown.shorten(name, 26) for name in names]
    assert len(set(short)) == 4
    assert all(len(name) == 26 and name.endswith(": head") for name in short)
    assert shown.shorten("costs", 26) == "costs"


def test_a_log_has_a_line_at_both_ends_of_a_step_and_one_a_minute(monkeypatch):
    written, now = io.StringIO(), iter([0.0, 1.0, 59.0, 61.0, 62.0, 63.0])
    monkeypatch.setattr(shown, "notes", Console(file=written, width=20))
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(now))
    with shown.progress_bars() as progress:
        for done in (0, 1, 2, 3, 4, 4):
            progress("pip:efficientnet_lite0: features", done, 4, "images", note="loss 0.5")
    lines = [line.partition(" ")[2] for line in written.getvalue().splitlines()]
    told = "pip:efficientnet_lite0: features: {} of 4 images, loss 0.5"
    assert lines == [told.format(done) for done in (0, 3, 4)]
