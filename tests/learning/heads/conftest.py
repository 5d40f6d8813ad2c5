import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy():
    """The tests are no package: the toy head is loaded from its file."""
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).parent / "dense/toy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
