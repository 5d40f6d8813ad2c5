"""Options of `polyscale compare`, which the settings of all tasks declare."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest
from typer.main import get_command

from polyscale.cli.app import app
from polyscale.tasks import PooledSettings, Regression, option, registry, task_names
from polyscale.tasks.options import RESERVED, options_of


@dataclass(frozen=True, kw_only=True)
class StrengthSettings(PooledSettings):
    """Settings as a user writes them."""

    strength: float = option(0.5, help="How strong it is.")
    lambda_: float = option(1.0, name="lambda", help="How smooth it is.")
    head: int = option(1, help="Another option of a known name.")


@dataclass(frozen=True, kw_only=True)
class CacheSettings(PooledSettings):
    """Settings with an option that has the name of one of the command's own."""

    cache: str = option("yes", help="Whether to keep them.")


class Strength(Regression):
    """A task as a user writes it."""

    name = "strength"
    sources = "springs:PATH"
    settings_type = StrengthSettings


class Cached(Strength):
    """A task whose option cannot be used."""

    name = "cached"
    settings_type = CacheSettings


@pytest.fixture
def own_task(monkeypatch):
    """A package with a task, one with an option that is taken, and one that is broken."""
    points = [
        EntryPoint("strength", f"{__name__}:Strength", registry.GROUP),
        EntryPoint("cached", f"{__name__}:Cached", registry.GROUP),
        EntryPoint("broken", "no_such_package:Task", registry.GROUP),
    ]
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Strength.__module__])
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


@pytest.fixture
def compare(run, tmp_path):
    def compare(*options):
        return run(
            *("compare", "--data", "rooms", "--out", tmp_path / "out", *options),
            *("--candidates", "pip:efficientnet_lite0@1"),
        )

    return compare


def test_help_lists_every_option_once(run):
    text = run("compare", "--help").stdout
    for name in task_names():
        for option_name in options_of(registry.get_task(name).settings_type):
            assert text.count(f"\n  --{option_name} ") == 1
    assert "Options of every task:\n  --source" in text
    assert "Options of segmentation and depth:\n  --head" in text
    assert "classification (default)" in text
    for data in ("rooms", "folder:PATH", "csv:PATH", "pairs:PATH", "ade20k:PATH", "hf:NAME"):
        assert data in text


def test_help_of_the_program_does_not_import_torch():
    code = (
        "import sys; sys.argv = ['polyscale', '--help']\n"
        "from polyscale.cli import main\n"
        "try: main()\nfinally: sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout


@pytest.mark.usefixtures("own_task")
def test_a_users_task_brings_its_options(run, compare, refused):
    text = run("compare", "--help").stdout
    own = text.partition("Options of strength:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in own.splitlines()] == ["--strength", "--lambda", "--head"]
    assert "springs:PATH" in text
    assert "Options of every task:\n  --source" in text
    refused(compare("--strength", "0.1"), "--strength is no option of classification. Leave it")
    refused(compare("--task", "strength", "--strength", "0.1"), "data must be csv:PATH")
    refused(compare("--lambda", "2"), "--lambda is no option of classification")
    refused(compare("--task", "strength", "--head", "dpt"), "--head must be int for strength")
    refused(compare("--task", "strength", "--flip"), "--flip is no option of strength")
    refused(compare("--task", "broken"), "task 'broken' cannot be loaded")
    refused(compare("--task", "cached"), "options of CacheSettings must not be called --cache")


def test_reserved_names_are_those_of_the_command():
    command = get_command(app).commands["compare"]
    options = [name for param in command.params for name in param.opts]
    names = {name.removeprefix("--") for name in options if len(name) > 2}
    assert names - {"more"} | {"help"} == RESERVED


@pytest.mark.parametrize("size", ["1e400GB", "99999999999999999999TB", "0", "-1GB", "much"])
def test_sizes_that_cannot_be_name_their_option(size, compare, refused):
    refused(compare(f"--cache-limit={size}"), "--cache-limit must be a size such as 20GB", size)
    refused(
        compare("--task", "depth", f"--memory={size}"), "--memory must be a size such as 20GB", size
    )


@pytest.mark.parametrize("device", ["hpu", "cuda:99", "foo", "meta", ""])
def test_devices_that_cannot_be_used(device, compare, refused):
    refused(compare("--device", device), "device must be one that torch can use here", "Try cpu")


def test_paths_that_no_command_can_use(run, tmp_path, refused):
    loop, long = tmp_path / "loop", "x" * 300
    loop.symlink_to(loop)
    refused(run("report", loop), "loop")
    refused(run("report", tmp_path, "--out", f"{long}.html"), "name too long", "Choose another")


@pytest.mark.parametrize("verb", ["compare", "predict"])
def test_folders_that_cannot_be_written(verb, run, tmp_path, pairs_folder, refused):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for out in (loop, loop / "run", tmp_path / ("x" * 300), tmp_path / ("x/" * 3000)):
        rest = ["--data", "rooms", "--candidates", "pip:efficientnet_lite0"]
        if verb == "predict":
            rest = ["--head", "none", pairs_folder / "images/val/1.png"]
        refused(run(verb, "--out", out, *rest), "out must be a folder that can be written")


@pytest.mark.parametrize(
    "verb", ["", "compare", "recipe run", "models", "plan", "predict", "report", "seams", "show"]
)
def test_help_fits_80_columns(verb, run):
    assert max(map(len, run(*verb.split(), "--help", columns=80).stdout.splitlines())) <= 80


def test_help_shows_choices_and_defaults(run):
    text = " ".join(run("compare", "--help").stdout.split())
    assert "--source [base|native] " in text
    assert "--windows [whole|slide] " in text
    assert "For depth: linear, dpt, vpd" in text
    assert "[default: auto]" in text
    assert "--seeds <int>" in text
