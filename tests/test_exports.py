"""The public names, pinned, and what it costs to look at them."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import polyscale
from polyscale.errors import MissingExtraError


def test_public_names():
    assert sorted(polyscale.__all__) == [
        "Backbone",
        "Candidate",
        "ClassificationSettings",
        "Comparison",
        "Contrast",
        "DepthSettings",
        "InputError",
        "MissingExtraError",
        "MultiScale",
        "MultiScaleConfig",
        "MultiScaleFeatures",
        "Plan",
        "Result",
        "RunError",
        "SegmentationSettings",
        "TileFeatures",
        "Verdict",
        "compare",
        "forward",
        "load",
        "read_run",
        "reconstruct",
        "wrap",
    ]
    assert dir(polyscale) == sorted([*polyscale.__all__, "__version__"])


def test_type_checkers_see_what_is_there():
    tree = ast.parse(Path(polyscale.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert sorted(seen) == sorted(polyscale.__all__)
    for name, module in seen.items():
        try:
            exported = getattr(polyscale, name)
        except MissingExtraError:  # named, but not to be had without its extra
            continue
        assert exported is getattr(import_module(module), name)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(polyscale, "no_such_name")  # noqa: B009


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_importing_does_not_import_torch():
    code = (
        "import sys, polyscale, polyscale.cli; dir(polyscale); polyscale.InputError;"
        "sys.exit('torch' in sys.modules)"
    )
    assert run(code).returncode == 0


OF_EXTRAS = ["typer", "rich", "platformdirs", "scipy", "sklearn", "matplotlib"]
OF_EXTRAS += ["timm", "torchvision", "transformers", "open_clip", "onnx", "safetensors", "pyarrow"]
OF_EXTRAS += ["jinja2", "pandas", "threadpoolctl", "datasets", "h5py", "huggingface_hub"]
# None in sys.modules is a package that is not installed
HIDE = f"import sys; sys.modules.update(dict.fromkeys({OF_EXTRAS})); import polyscale;"


def test_the_operator_needs_no_extra():
    code = HIDE + (
        "import torch; model = torch.nn.Conv2d(3, 4, 8, 8);"
        "ms = polyscale.wrap(model, scales=(1, 2), tile_hw=(32, 32));"
        "assert ms(torch.rand(1, 3, 64, 64)).map.shape == (1, 8, 4, 4)"
    )
    assert run(code).stderr == ""


def test_a_comparison_without_its_extra():
    code = HIDE + (
        "\ntry: polyscale.compare\nexcept polyscale.MissingExtraError as error: print(error)"
    )
    told = run(code).stdout
    assert told.startswith("polyscale.compare needs the package '")
    assert told.endswith("Run: pip install 'polyscale[compare]'\n")


@pytest.mark.parametrize("package", ["typer", "platformdirs"])
def test_the_command_without_its_extra(package):
    pytest.importorskip("typer")  # which is asked for first
    code = f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = ['paper'];"
    left = run(f"{code} from polyscale.cli import main; main()")
    assert left.returncode == 2
    assert left.stderr == (
        f"error: This command needs the package '{package}', which is not installed. "
        "Run: pip install 'polyscale[compare]'\n"
    )
