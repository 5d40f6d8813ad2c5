"""What a user gets from Python: tables, a figure, files, and the same again from a folder."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.conftest import make_textures
from tests.studies.compare.conftest import make_study
from tests.tiny_study import CANDIDATES
from torch import nn

import polyscale
from polyscale import api
from polyscale.comparison import of_study
from polyscale.errors import InputError, RunError
from polyscale.records import read_log


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_textures(tmp_path_factory.mktemp("study") / "textures")
    with pytest.MonkeyPatch.context() as patch:
        return make_study(folder, patch)(repeats=2)


@pytest.fixture(scope="module")
def found(study):
    return of_study(study)


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "run"
    found.save(str(folder))
    return folder


@pytest.fixture(scope="module")
def read(folder):
    return polyscale.read_run(str(folder))


@pytest.fixture(scope="module", params=["found", "read"])
def comparison(request):
    """In memory, and read from its folder."""
    return request.getfixturevalue(request.param)


def test_what_is_read_is_what_was_found(found, read):
    assert isinstance(read, polyscale.Comparison)
    for name in ("rows", "contrasts", "verdicts", "cascades", "repeats", "failures", "timing"):
        assert getattr(read, name) == getattr(found, name)
    assert read.data == found.data
    assert read.headline == found.headline
    assert read.study is None
    assert list(read.heads) == CANDIDATES
    assert all(isinstance(read.heads[name], nn.Module) for name in CANDIDATES)


def test_scores_of_images_are_read_in_their_order(found, read):
    assert list(read.scores) == CANDIDATES
    for name, scores in read.scores.items():
        expected = found.scores[name]
        assert scores.value == expected.value
        assert (scores.correct == expected.correct).all()
        assert scores.columns.keys() == expected.columns.keys()
        for column, values in scores.columns.items():
            assert (np.asarray(values) == np.asarray(expected.columns[column])).all()


def test_tables_are_data_frames(comparison):
    rows = comparison.to_pandas()
    assert isinstance(rows, pd.DataFrame)
    assert list(rows.index) == CANDIDATES
    assert rows.loc[CANDIDATES[1], "value"] == comparison.rows[1].value
    contrasts = comparison.to_pandas("contrasts")
    assert contrasts.index.names == ["first", "second"]
    assert len(contrasts) == len(comparison.contrasts)
    with pytest.raises(InputError, match="table must be one of rows, contrasts, but got 'heads'"):
        comparison.to_pandas("heads")


def test_a_notebook_shows_headline_table_and_chart(comparison):
    page = comparison._repr_html_()
    assert comparison.headline.replace("’", "&#39;").partition(",")[0][:10] in page
    assert page.count("<tr>") == 1 + len(CANDIDATES)
    assert page.count("data:image/png;base64,") == 1
    assert "var(--" not in page
    assert isinstance(comparison.plot(), Figure)
    assert len(repr(comparison).splitlines()) == 1
    assert comparison.headline in repr(comparison)


def test_what_was_read_can_be_saved_and_reported_again(read, folder, tmp_path):
    page = read.report(tmp_path / "copy")
    assert page.read_text().startswith("<!doctype html>")
    again = polyscale.read_run(tmp_path / "copy")
    assert again.rows == read.rows
    read.save(folder)  # it is there already


def test_each_run_is_added_to_the_log_beside_its_folder_once(found, folder, tmp_path):
    for _ in range(2):
        found.save(tmp_path / "run")
    entries = read_log(tmp_path / "runs.jsonl")
    assert tuple(entry.row for entry in entries) == found.rows
    assert {entry.run for entry in entries} == {"run"}


def test_a_log_that_cannot_be_written_keeps_the_run(found, tmp_path):
    (tmp_path / "runs.jsonl").mkdir()
    with pytest.raises(RunError, match="log .* cannot be written .* but the run is finished"):
        found.save(tmp_path / "run")
    assert polyscale.read_run(tmp_path / "run").rows == found.rows


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="task.json must be a file .* but is missing"):
        polyscale.read_run(tmp_path)


def test_a_damaged_file_is_refused(read, tmp_path):
    read.save(tmp_path / "run")
    (tmp_path / "run" / "contrasts.json").write_text("[{]")
    with pytest.raises(InputError, match="contrasts.json"):
        polyscale.read_run(tmp_path / "run")


def test_compare_returns_a_comparison_that_writes_its_report(study, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("no chart")

    monkeypatch.setattr(api, "plan_compare", lambda *_, **__: None)
    monkeypatch.setattr(api, "run_and_explain", lambda *_, **__: study)
    comparison = api.compare("x", CANDIDATES, cache=str(tmp_path / "cache"))
    page = comparison.report(tmp_path / "run")
    assert page.read_text().startswith("<!doctype html>")
    written = page.stat().st_mtime_ns
    assert comparison.report(tmp_path / "run") == page
    assert page.stat().st_mtime_ns == written
    for file in ("report.html", "curves.png"):
        (tmp_path / "run" / file).unlink()
    with monkeypatch.context() as patch:
        patch.setattr("polyscale.report.page.render_page", fail)
        with pytest.raises(RunError, match=r"cannot be written \(no chart\), but the run is finis"):
            comparison.report(tmp_path / "run")
        with pytest.raises(RunError, match="To try again, run: polyscale report"):
            comparison.report(tmp_path / "new")
    assert {f.name for f in (tmp_path / "new").iterdir()} >= {"results.json", "gallery.parquet"}
    assert comparison.report(tmp_path / "new").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(InputError, match="holds other files"):
        comparison.report(tmp_path / "other")
