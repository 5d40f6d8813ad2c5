"""Every snippet of the README and the documentation is executed."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from polyscale.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n# (\S+\.toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# what installs or takes minutes; `make demo` and `make test` run in CI and by hand
NOT_HERE = ("make", "pip", "git")


def snippets(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


@pytest.mark.weights
@pytest.mark.parametrize(
    "page", [p for p in PAGES if snippets(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_snippets_run(page, image_folder, pairs_folder, tmp_path, monkeypatch):
    image_folder.rename(tmp_path / "photos")
    assert pairs_folder == tmp_path / "scenes"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if page.name == "multimodal.md":
        write_multimodal(tmp_path)
    if page.name in ("robot.md", "policies.md"):
        skip_unless_it_draws()
    for name, text in TOML.findall(page.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text)
    names: dict[str, object] = {}
    for language, text in snippets(page):
        if language == "python":
            check_shapes(text, names)
        else:
            for line in text.splitlines():
                if line.startswith("$ ") and line.split()[1] not in NOT_HERE:
                    run_command(line[2:], monkeypatch)


def skip_unless_it_draws() -> None:
    """Scenes need the simulator, and a library that draws."""
    from polyscale.errors import MissingExtraError, RunError
    from polyscale.robot import PickingScene, SceneSettings

    try:
        PickingScene(SceneSettings(), 16).close()
    except (MissingExtraError, RunError) as error:
        pytest.skip(str(error))


def write_multimodal(root: Path) -> None:
    """Tiny models under the names of those that the page uses, and data of the same layout."""
    pytest.importorskip("transformers")
    import torch
    from tests.language import originals
    from tests.studies.vstar.questions import write_questions

    vision, base = (
        root / name for name in ("openai/clip-vit-large-patch14-336", "lmsys/vicuna-7b-v1.5")
    )
    for folder in (vision, base, root / "llava-s2-stage-1"):
        folder.mkdir(parents=True)
    originals.save_vision(vision)
    originals.save_base(base)
    originals.save_json(root / "llava-s2-stage-1", config=originals.CONFIG)
    torch.save(originals.projector()[1], root / "llava-s2-stage-1" / "mm_projector.bin")
    write_questions(root / "vstar_bench", num=4)
    said = [
        {"from": "human", "value": "<image>\nwhat is this ?"},
        {"from": "gpt", "value": "a cup"},
    ]
    rows = [{"id": str(i), "image": f"fine/{i % 2}.png", "conversations": said} for i in range(4)]
    (root / "llava.json").write_text(json.dumps(rows))


def check_shapes(text: str, names: dict[str, object]) -> None:
    """Run the snippet; a line `….shape  # (2, 3)` must also give that shape."""
    exec(compile(text, "<snippet>", "exec"), names)  # noqa: S102
    for expression, shape in re.findall(r"^([\w.\[\]()]+\.shape)\s+# (\([\d, ]+\))", text, re.M):
        assert tuple(eval(expression, names)) == eval(shape), expression  # noqa: S307


def run_command(line: str, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (None, 0), line


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
