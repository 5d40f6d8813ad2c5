import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyscale.errors import InputError
from polyscale.report.read import read_run

FILES = ("results.json", "contrasts.json", "predictions.parquet", "gallery.parquet")


def edit(path, change):
    rows = json.loads(path.read_text())
    path.write_text(json.dumps(change(rows)))


def test_a_run_is_read(run):
    assert len(run.results) == 7
    assert len(run.contrasts) == 21
    assert len(run.pictures) == 24
    assert run.date == "2025-01-31"
    picture = run.pictures[0]
    assert set(picture.answers) == {r.candidate for r in run.results}
    assert {p.size_wh for p in run.pictures} == {(448, 336), (336, 448)}
    for answer in picture.answers.values():
        assert answer.correct == (answer.prediction == picture.label)


def test_a_contrast_is_found_either_way_round(run):
    c = run.contrasts[3]
    assert run.contrast(c.first, c.second) == c
    back = run.contrast(c.second, c.first)
    assert back.difference == -c.difference
    assert (back.ci_low, back.ci_high) == (-c.ci_high, -c.ci_low)
    assert (back.only_first, back.only_second) == (c.only_second, c.only_first)
    assert back.turned() == c


def test_an_unknown_contrast_is_our_own_mistake(run):
    with pytest.raises(LookupError, match="no contrast of a and b"):
        run.contrast("a", "b")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(run_folder, name):
    (run_folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name} must be a file .* but is missing\. Name the"):
        read_run(run_folder)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_in_one_line(run_folder, name):
    (run_folder / name).write_bytes((run_folder / name).read_bytes()[:40])
    with pytest.raises(InputError, match=rf"{name} must be as .* Run polyscale compare") as caught:
        read_run(run_folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["results.json", "contrasts.json"])
def test_a_row_with_a_field_too_few_is_named(run_folder, name):
    edit(
        run_folder / name,
        lambda rows: [{k: v for k, v in r.items() if k != "metric"} for r in rows],
    )
    with pytest.raises(InputError, match=f"{name} must be as .*metric"):
        read_run(run_folder)


def test_a_missing_column_is_named(run_folder):
    path = run_folder / "predictions.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["probability"]), path)
    with pytest.raises(InputError, match=r"predictions\.parquet must be as .*probability"):
        read_run(run_folder)


def test_no_rows_are_refused(run_folder):
    edit(run_folder / "results.json", lambda rows: [])
    with pytest.raises(InputError, match="must hold at least one row, but is empty"):
        read_run(run_folder)


def test_a_candidate_given_twice_is_refused(run_folder):
    edit(run_folder / "results.json", lambda rows: [*rows, rows[0]])
    with pytest.raises(InputError, match="pip:efficientnet_lite0@1 is 2 times"):
        read_run(run_folder)


def test_base_and_native_never_share_a_page(run_folder):
    edit(run_folder / "results.json", lambda rows: [rows[0] | {"source": "base"}, *rows[1:]])
    with pytest.raises(InputError, match="must hold one source, but got base, native"):
        read_run(run_folder)


def test_other_metrics_are_refused(run_folder):
    edit(run_folder / "results.json", lambda rows: [r | {"metric": "fid"} for r in rows])
    with pytest.raises(InputError, match="must hold one of accuracy, miou, rmse, but .* 'fid'"):
        read_run(run_folder)


def test_a_missing_pair_is_named(run_folder):
    edit(run_folder / "contrasts.json", lambda rows: rows[1:])
    with pytest.raises(InputError, match="has no pip:efficientnet_lite0@1 against pip:eff"):
        read_run(run_folder)


def test_a_missing_answer_is_named(run_folder):
    path = run_folder / "predictions.parquet"
    table = pq.read_table(path)
    keep = pa.compute.not_equal(table["candidate"], "pip:dinov2_small@1")
    pq.write_table(table.filter(keep), path)
    with pytest.raises(InputError, match="must hold the answer of pip:dinov2_small@1 to image"):
        read_run(run_folder)


def test_an_image_that_is_no_jpeg_is_named(run_folder):
    path = run_folder / "gallery.parquet"
    table = pq.read_table(path).slice(0, 1)
    image = pa.array([{"bytes": b"GIF89a", "path": None}], table.schema.field("image").type)
    pq.write_table(table.set_column(2, "image", image), path)
    with pytest.raises(InputError, match=r"gallery\.parquet .* image 'test/0000' is not a JPEG"):
        read_run(run_folder)


@pytest.mark.parametrize(
    "name", ["verdicts", "cascades", "controls", "probes", "data", "failures", "timing"]
)
@pytest.mark.parametrize("content", ['[{"x', '[{"family": 1}]', "7"])
def test_a_damaged_file_that_may_be_absent_is_named(full_folder, name, content):
    (full_folder / f"{name}.json").write_text(content)
    with pytest.raises(InputError, match=rf"{name}\.json must be as .* Run polyscale compare"):
        read_run(full_folder)


def test_fields_of_a_later_version_are_left_alone(full_folder, run):
    for name in ("results", "controls", "cascades"):
        edit(full_folder / f"{name}.json", lambda rows: [r | {"of_tomorrow": 1} for r in rows])
    found = read_run(full_folder)
    assert [r.candidate for r in found.results] == [r.candidate for r in run.results]
    assert found.throughput.keys() == {r.candidate for r in run.results}


def test_answers_are_those_of_the_file_whatever_its_order(run_folder, run):
    path = run_folder / "predictions.parquet"
    table = pq.read_table(path)
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(table))))
    pq.write_table(shuffled, path)
    found = read_run(run_folder).predictions
    np.testing.assert_array_equal(found.labels, run.predictions.labels)
    for result in run.results:
        assert found.correct[result.candidate].mean() == result.value
        right = found.said[result.candidate] == found.labels
        np.testing.assert_array_equal(right, found.correct[result.candidate])


def test_an_answer_given_twice_is_refused(run_folder):
    path = run_folder / "predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    with pytest.raises(InputError, match="must hold each answer once, but pip:eff.*@1 has more"):
        read_run(run_folder)


def test_an_empty_gallery_is_fine(run_folder):
    path = run_folder / "gallery.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    assert read_run(run_folder).pictures == ()


def test_without_a_date_the_file_tells_it(run_folder):
    def undated(rows):
        return [r | {"versions": {"python": "3.11"}} for r in rows]

    edit(run_folder / "results.json", undated)
    date = read_run(run_folder).date
    assert len(date) == len("2025-01-31")
    assert date != "2025-01-31"


def test_rows_survive_the_way_through_json(run, run_folder):
    rows = json.loads((run_folder / "results.json").read_text())
    assert json.loads(json.dumps([result.to_dict() for result in run.results])) == rows
