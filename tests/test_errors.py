"""What is said where a package is absent or too old."""

import re
from importlib.metadata import version

import pytest

from polyscale.errors import MissingExtraError, near_matches, require


def test_an_absent_package():
    message = (
        "this test needs the package 'no_such_package', which is not installed. "
        "Run: pip install 'polyscale[compare]'"
    )
    with pytest.raises(MissingExtraError, match=f"^{re.escape(message)}$"):
        require("no_such_package", extra="compare", feature="this test")


def test_an_old_package():
    message = (
        f"this test needs pytest 1000.0 or newer, but {version('pytest')} is installed. "
        "Run: pip install 'pytest>=1000.0'"
    )
    with pytest.raises(MissingExtraError, match=f"^{re.escape(message)}$"):
        require("pytest", extra="test", feature="this test", at_least="1000.0")


@pytest.mark.parametrize("installed", ["1.0.26", "1.0.26.dev0", "1.1", "1.0.100", "2.0+cu126"])
def test_a_package_that_is_new_enough(monkeypatch, installed):
    monkeypatch.setattr("polyscale.errors.version", lambda _: installed)
    require("pytest", extra="test", feature="this test", at_least="1.0.26")


def test_near_matches():
    assert near_matches("resnet5", ["resnet50", "vit"]) == " Did you mean 'resnet50'?"
    assert near_matches("x", ["resnet50", "vit"]) == ""
