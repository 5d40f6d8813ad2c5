import io

from rich.console import Console

from polyscale.cli import console


def test_bars_show_the_note_and_the_rate(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=written, force_terminal=True, width=150))
    with console.progress_bars() as progress:
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
    monkeypatch.setattr(console, "errors", narrow)
    step = "pip:efficientnet_lite0@1,2: linear head"
    with console.progress_bars() as progress:
        progress(step, 0, 300, "steps")
        progress(step, 150, 300, "steps")
        progress(step, 300, 300, "steps", note="loss 0.5857")
    last = written.getvalue().rpartition("pip:")[2]
    for whole in ("300/300", "steps/s", "0:00:00", "loss 0.5857"):
        assert whole in last
