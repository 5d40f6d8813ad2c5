"""Tasks by name, from polyscale and from other packages."""

import ast
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import polyscale
from polyscale.errors import InputError
from polyscale.tasks import (
    Classification,
    ClassificationSettings,
    Depth,
    DepthSettings,
    PooledSettings,
    Regression,
    get_task,
    registry,
    task_names,
    to_task,
)
from polyscale.tasks.registry import BUILT_IN

SOURCE = Path(polyscale.__file__).parent
OWN = [
    *(SOURCE / "studies").glob("*.py"),
    *(SOURCE / "studies" / "compare").glob("*.py"),
    SOURCE / "api.py",
    *(SOURCE / "cli").glob("*.py"),
]


@pytest.mark.parametrize("file", OWN, ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_task_is_named_outside_its_module(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    text = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    names = {
        alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names
    }
    assert not text & set(BUILT_IN)
    assert not {
        name for name in names if name.startswith(tuple(t.__name__ for t in BUILT_IN.values()))
    }


@pytest.fixture
def points(monkeypatch):
    """Entry points of other packages."""
    given = []
    monkeypatch.setattr(registry, "entry_points", lambda group: given)

    def add(name, value):
        given.append(EntryPoint(name, value, registry.GROUP))

    return add


def test_every_task_is_found_by_its_name():
    for name in BUILT_IN:
        assert get_task(name).name == name
    assert task_names()[: len(BUILT_IN)] == tuple(BUILT_IN)


def test_an_unknown_name_lists_the_known_ones(points):
    points("grading", "nowhere:Grading")
    with pytest.raises(InputError, match=r"task must be one of .*grading.* Did you mean 'depth'\?"):
        get_task("depths")


def test_another_package_brings_a_task(points):
    points("borrowed", "polyscale.tasks.regression:Regression")
    assert isinstance(get_task("borrowed"), Regression)
    assert "borrowed" in task_names()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no_such_package:Grading", "cannot be loaded from no_such_package:Grading .No module"),
        ("polyscale.tasks.regression:np", "must be a class made from polyscale.tasks.Task"),
        ("polyscale.records:Result", "must be a class made from polyscale.tasks.Task"),
    ],
)
def test_a_broken_package_is_named(points, value, told):
    points("broken", value)
    with pytest.raises(InputError, match=told):
        get_task("broken")


def test_settings_tell_their_task():
    assert isinstance(to_task(None, DepthSettings()), Depth)
    assert isinstance(to_task(None, ClassificationSettings()), Classification)
    assert isinstance(to_task(None, None), Classification)
    assert isinstance(to_task("regression", PooledSettings()), Regression)


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="task must be given beside PooledSettings"):
        to_task(None, PooledSettings())
    with pytest.raises(InputError, match="settings must be DepthSettings for task depth, but got"):
        to_task("depth", ClassificationSettings())
    with pytest.raises(InputError, match=r"an instance of polyscale.tasks.Task, but got <class"):
        to_task(Regression, None)
