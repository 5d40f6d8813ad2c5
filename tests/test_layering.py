"""The linter holds the layers: an import from a layer above must fail it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(root / 'src')!r});"
        "from importlinter.cli import lint_imports_command as run; run()"
    )
    command = [sys.executable, "-c", code, "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path):
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.parquet"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_keeps_the_layers(copy):
    result = lint(copy)
    assert result.returncode == 0, result.stdout


WRONG_IMPORTS = {
    "operator/backbones/model_backbone.py": "from polyscale.operator.multiscale import MultiScale",
    "operator/multiscale/module.py": "from polyscale.encoders import smp_encoder",
    "stats/paired.py": "from polyscale.studies import compare",
    "operator/plan/levels.py": "import torch",
    "report/write.py": "import torch",
}


def test_every_wrong_import_is_named(copy):
    for file, line in WRONG_IMPORTS.items():
        path = copy / "src" / "polyscale" / file
        path.write_text(f"{path.read_text()}\n{line}  # noqa\n")
    result = lint(copy)
    assert result.returncode != 0
    for file, line in WRONG_IMPORTS.items():
        module = f"polyscale.{file.removesuffix('.py').replace('/', '.')}"
        assert f" {module} -> {line.split()[1]}" in result.stdout


def test_shapes_are_those_of_classes():
    """From NumPy 2.5 and Python 3.12 on, `NDArray` is no class, and jaxtyping refuses it."""
    shape = re.compile(r'[a-z](8|16|32|64)?\[NDArray(\[[\w.]+\])?, "')
    assert not [path for path in (ROOT / "src").rglob("*.py") if shape.search(path.read_text())]
