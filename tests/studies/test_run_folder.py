import json

import pytest

from polyscale.errors import InputError
from polyscale.studies import is_finished, new_run

FACTS = {"data": "rooms", "scales": (1, 2), "seed": 0}


def finish(out, facts=FACTS):
    with new_run(out) as folder:
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
    with pytest.raises(InputError, match=r"holds another run \(its seed differ"):
        is_finished(tmp_path / "a", FACTS | {"seed": 1})


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '[{"settings": 3}]'])
def test_other_files_are_never_written_over(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match="holds other files"):
        is_finished(tmp_path, FACTS)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="is a file"):
        is_finished(tmp_path / "a", FACTS)
