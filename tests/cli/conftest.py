"""The command line in this process, as a user meets it."""

import sys
from types import SimpleNamespace

import pytest

from polyscale.cli import main


@pytest.fixture
def run(monkeypatch, capsys):
    """What a command prints and how it exits."""

    def run(*arguments, columns=100):
        monkeypatch.setattr(sys, "argv", ["polyscale", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(
            returncode=left.value.code or 0, stdout=printed.out, stderr=printed.err
        )

    return run


@pytest.fixture
def refused():
    """One line on stderr that holds the words, an exit code of its own, no traceback."""

    def refused(result, *words, code=2):
        assert result.returncode == code, result.stderr
        assert "Traceback" not in result.stderr
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        for word in words:
            assert word in line

    return refused


@pytest.fixture
def empty_folder(monkeypatch, tmp_path):
    """Where commands run, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
