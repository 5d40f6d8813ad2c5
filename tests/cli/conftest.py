"""The command line in this process, as a user meets it."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace

import pytest
from tests.conftest import write_pairs

from polyscale.cli import main


@pytest.fixture(scope="session")
def run():
    """What a command prints and how it exits."""

    def run(*arguments, columns=100):
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["polyscale", *map(str, arguments)])
            patch.setenv("COLUMNS", str(columns))
            patch.setattr(
                "polyscale.studies.compare.costs.TURNS", 2
            )  # latencies do not matter here
            with pytest.raises(SystemExit) as ended:
                main()
        return SimpleNamespace(
            returncode=ended.value.code or 0, stdout=out.getvalue(), stderr=err.getvalue()
        )

    return run


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """A folder for features, which tests on the same images compute once."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The images of `pairs_folder`, for the runs that the tests of a module share."""
    return write_pairs(tmp_path_factory.mktemp("scenes"))


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
