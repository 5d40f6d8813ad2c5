"""The public names, pinned."""

import subprocess
import sys

import pytest

import polyscale


def test_public_names():
    assert sorted(polyscale.__all__) == [
        "Comparison",
        "MultiScale",
        "MultiScaleFeatures",
        "Plan",
        "compare",
        "forward",
        "load",
        "wrap",
    ]
    for name in polyscale.__all__:
        assert getattr(polyscale, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(polyscale, "no_such_name")  # noqa: B009


def test_importing_does_not_import_torch():
    code = "import sys, polyscale, polyscale.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
