import json
from pathlib import Path

import pytest

from polyscale.errors import InputError
from polyscale.studies import REPORT_FILES, check_out, new_run, run_files, run_folder
from polyscale.tasks import Classification, ClassificationSettings

WRITTEN = run_files(Classification(), ClassificationSettings())
FACTS = {"data": "rooms", "scales": (1, 2), "seed": 0}


def is_finished(out, facts):
    return run_folder.is_finished(out, facts, WRITTEN)


def finish(out, facts=FACTS):
    with new_run(out) as folder:
        for name in WRITTEN:
            (folder / name).write_text("")
        (folder / "results.json").write_text(json.dumps([{"settings": facts | {"date": "x"}}]))


def test_a_run_appears_whole(tmp_path):
    out = tmp_path / "runs" / "a"
    with new_run(out) as folder:
        (folder / "results.json").write_text("[]")
        assert not out.exists()
    assert (out / "results.json").read_text() == "[]"
    assert list(out.parent.iterdir()) == [out]


def test_a_run_that_fails_leaves_nothing(tmp_path):
    def fail():
        with new_run(tmp_path / "a") as folder:
            (folder / "results.json").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_finished_and_not(tmp_path):
    out = tmp_path / "a"
    assert not is_finished(out, FACTS)
    out.mkdir()
    assert not is_finished(out, FACTS)
    finish(out)
    assert is_finished(out, FACTS)


def test_another_run_is_never_written_over(tmp_path):
    finish(tmp_path / "a")
    with pytest.raises(InputError, match=r"holds another run \(it differs in seed\)"):
        is_finished(tmp_path / "a", FACTS | {"seed": 1})


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '[{"settings": 3}]'])
def test_other_files_are_never_written_over(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match="holds other files"):
        is_finished(tmp_path, FACTS)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_run_that_lost_a_file(tmp_path, name):
    finish(tmp_path / "a")
    (tmp_path / "a" / name).unlink()
    if name in REPORT_FILES:  # can be written again at any time
        assert is_finished(tmp_path / "a", FACTS)
        return
    with pytest.raises(InputError, match="holds other files" if name == "results.json" else name):
        is_finished(tmp_path / "a", FACTS)


def test_an_empty_folder_becomes_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_out(Path())
    finish(Path())
    assert is_finished(tmp_path, FACTS)
    assert {path.name for path in tmp_path.iterdir()} == set(WRITTEN)


def test_a_link_to_an_empty_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    check_out(tmp_path / "link")
    finish(tmp_path / "link")
    assert is_finished(tmp_path / "real", FACTS)


@pytest.mark.parametrize("out", ["file", "file/run", "x" * 250, "/proc/none/run"])
def test_what_could_not_be_written_is_refused_early(tmp_path, out):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="out must be a folder"):
        check_out(tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_new_parents_are_fine_and_not_made_yet(tmp_path):
    check_out(tmp_path / "a" / "b" / "c")
    assert not any(tmp_path.iterdir())
