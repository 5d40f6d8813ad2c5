"""Run folders that real (tiny) studies wrote, once a session, and pages of them."""

import json
import shutil
from collections.abc import Callable, Collection
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report.studies import write_classification_run, write_map_run

from polyscale.records import Verdict
from polyscale.report import draw_report
from polyscale.report.curves import draw_svg
from polyscale.report.read import read_run
from polyscale.report.run import Run

MAP_TASKS = ("segmentation", "depth")
Edit = Callable[[Any], Any]


class Page(HTMLParser):
    """Elements with their attributes, and the page's text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if name in attributes]

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def edit(path: Path, change: Edit) -> None:
    """Change what a JSON file holds: in place, or by what is returned."""
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(json.dumps(content if changed is None else changed))


def edit_table(path: Path, keep: Edit = lambda row: True, change: Edit = lambda row: row) -> None:
    """Change or leave out rows of a Parquet file."""
    table = pq.read_table(path)
    rows = [change(row) for row in table.to_pylist() if keep(row)]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def keep_candidates(folder: Path, names: Collection[str]) -> Path:
    """Leave some candidates of a run, as if the others had never been asked for."""
    for path in folder.glob("*.parquet"):
        if "candidate" in pq.read_schema(path).names:
            edit_table(path, keep=lambda row: row["candidate"] in (None, *names))
    for name in ("verdicts", "sweet_spots", "recommendation", "repeats"):
        (folder / f"{name}.json").unlink(missing_ok=True)

    def is_kept(row: Any) -> bool:
        return {row[k] for k in ("candidate", "first", "second", "small", "large") if k in row} <= {
            *names
        }

    for path in folder.glob("*.json"):
        content = json.loads(path.read_text())
        if isinstance(content, list) and path.name != "failures.json":
            content = [row for row in content if is_kept(row)]
        elif path.name == "probes.json":
            content = {name: own for name, own in content.items() if name in names}
        elif path.name in ("classes.json", "sizes.json"):
            content["iou"] = {n: own for n, own in content["iou"].items() if n in names}
            if "contrasts" in content:
                content["contrasts"] = [row for row in content["contrasts"] if is_kept(row)]
        path.write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> dict[str, Path]:
    """For each task a run folder that no test may change."""
    folder = tmp_path_factory.mktemp("runs")
    found = {"classification": write_classification_run(folder / "a", folder / "textures")}
    for task in MAP_TASKS:
        found[task] = write_map_run(folder / task, folder / "scenes", task)
    edit(folder / "a" / "data.json", _with_faults)
    return found


def _with_faults(data: Any) -> None:
    """What may be wrong with images, which these are not."""
    data["report"] = {
        "unreadable": [{"id": "study/7.jpg", "class_name": "study", "reason": "is cut short"}],
        "near_duplicates": [
            {"train_id": "a/1", "test_id": "a/2", "distance": 3, "same_bytes": False},
            {"train_id": "b/1", "test_id": "b/2", "distance": 0, "same_bytes": True},
        ],
        "suspect_pairs": [
            {
                "train_id": "a/1",
                "test_id": "b/2",
                "distance": 3,
                "same_bytes": False,
                "agreement": 0.912,
            }
        ],
        "suspicious": [{"split": "test", "id": "study/8.jpg", "reason": "nearly one colour"}],
        "remarks": ["Classes differ in size by a factor of 3."],
    }


@pytest.fixture(scope="session")
def pages(runs, tmp_path_factory) -> dict[str, Path]:
    """For each task the page of its run."""
    folder = tmp_path_factory.mktemp("pages")
    return {task: draw_report([run], folder / f"{task}.html").path for task, run in runs.items()}


@pytest.fixture
def run_folder(runs, tmp_path) -> Path:
    """A run folder of classification of the test's own."""
    return Path(shutil.copytree(runs["classification"], tmp_path / "run"))


@pytest.fixture(params=MAP_TASKS)
def map_folder(request, runs, tmp_path) -> Path:
    """A run folder of segmentation, then of depth, of the test's own."""
    return Path(shutil.copytree(runs[request.param], tmp_path / request.param))


@pytest.fixture
def segmentation_folder(runs, tmp_path) -> Path:
    """A run folder of segmentation of the test's own."""
    return Path(shutil.copytree(runs["segmentation"], tmp_path / "run"))


@pytest.fixture(scope="session")
def run(runs) -> Run:
    return read_run(runs["classification"])


@pytest.fixture(scope="session")
def segmentation(runs) -> Run:
    return read_run(runs["segmentation"])


@pytest.fixture(scope="session")
def depth(runs) -> Run:
    return read_run(runs["depth"])


@pytest.fixture(scope="session")
def verdict(run) -> Verdict:
    """The one of the efficientnets."""
    return run.verdicts[0]


@pytest.fixture
def few_charts(monkeypatch):
    """Real charts, but each pair is drawn once for all kinds of cost."""
    drawn = {}

    def draw(run, variant, axis):
        if variant not in drawn:
            drawn[variant] = draw_svg(run, variant, axis)
        return drawn[variant]

    monkeypatch.setattr("polyscale.report.sections.candidates.draw_svg", draw)
    monkeypatch.setattr("polyscale.report.curves.draw_png", lambda run: b"\x89PNG")
