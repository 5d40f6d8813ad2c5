import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy():
    """The tests are no package: the toy head is loaded from the file beside this one."""
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).with_name("toy.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
