"""The schema of a run folder, against what studies write and what the reference page says."""

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args

import pytest
from tests.report.studies import write_map_run

from polyscale.records import FILES, REQUIRED, RUN_MARKS, is_run, read_json
from polyscale.records.tables import ImageRow, MapPicture, ObjectRow, read_table
from polyscale.studies.run_folder import FILES as WRITTEN

REFERENCE = Path(__file__).parents[2] / "docs/reference/run.md"


def test_every_run_has_its_marks(tmp_path):
    assert set(RUN_MARKS) <= set(WRITTEN)
    for name in RUN_MARKS:
        assert not is_run(tmp_path)
        (tmp_path / name).write_text("")
    assert is_run(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A run of a tiny study."""
    folder = tmp_path_factory.mktemp("written")
    return write_map_run(folder / "run", folder / "scenes", "segmentation")


def records_of(kind):
    """The data classes that a schema names at its top."""
    return [own for own in (kind, *get_args(kind)) if is_dataclass(own)]


def plain(record):
    if isinstance(record, tuple):
        return [plain(own) for own in record]
    if isinstance(record, dict):
        return {name: plain(own) for name, own in record.items()}
    return record.to_dict()


def test_what_a_study_writes_is_what_the_schema_reads(written):
    """Every JSON file is read, and nothing that it holds is left out."""
    files = {path.name for path in written.glob("*.json")}
    assert set(REQUIRED) <= files <= set(FILES)
    for name in files:
        content = json.loads((written / name).read_text())
        again = json.loads(json.dumps(plain(read_json(written / name, FILES[name]))))
        assert _without_defaults(again, content) == content, name


def _without_defaults(read, content):
    """What a file need not hold, since its default says it."""
    if isinstance(read, dict) and isinstance(content, dict):
        assert content.keys() <= read.keys()
        return {key: _without_defaults(read[key], content[key]) for key in content}
    if isinstance(read, list) and isinstance(content, list):
        return [_without_defaults(a, b) for a, b in zip(read, content, strict=True)]
    return read


def test_what_a_study_writes_in_tables_is_what_the_schema_reads(written):
    images = read_table(written / "images.parquet", ImageRow, ["intersection", "union"])
    pictures = read_table(written / "gallery.parquet", MapPicture)
    objects = read_table(written / "objects.parquet", ObjectRow, ["class"])
    assert len(images["id"]) == 4 * 12
    assert set(pictures["kind"].to_pylist()) == {"image", "truth", "prediction"}
    assert all(0 <= iou <= 1 for iou in objects["iou"].to_pylist())


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_reference_page_names_every_file_and_field(name):
    page = REFERENCE.read_text(encoding="utf-8")
    assert f"`{name}`" in page
    words = set(re.findall(r"[a-z0-9_]+", page))
    for kind in records_of(FILES[name]):
        missing = [field.name for field in fields(kind) if field.name not in words]
        assert not missing, kind
