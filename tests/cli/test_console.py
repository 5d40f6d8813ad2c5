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
