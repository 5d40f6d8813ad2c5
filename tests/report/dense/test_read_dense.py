import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report import dense_runs

from polyscale.errors import InputError
from polyscale.report.read import read_run
from polyscale.stats import mean_iou, mean_of_images

FILES = ("images.parquet", "gallery.parquet", "classes.json", "sizes.json")
NAMES = list(dense_runs.SKILLS)


@pytest.fixture
def folder(shared_dense_folders, tmp_path):
    """A run folder of segmentation of the test's own."""
    for path in shared_dense_folders["segmentation"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_a_run_is_read(dense_folder):
    run = read_run(dense_folder)
    assert run.predictions is None
    assert run.pictures == ()
    assert len(run.dense.answers.ids) == 12
    assert len(run.dense.pictures) == 12
    assert (
        (run.dense.classes is None) == (run.dense.sizes is None) == (run.results[0].task == "depth")
    )
    for picture in run.dense.pictures:
        assert list(picture.predicted) == NAMES
        for own in (picture.truth, *(p.target for p in picture.predicted.values())):
            assert own.shape == picture.size_wh[::-1]


def test_what_is_read_gives_the_values_of_the_rows(dense_folder):
    run = read_run(dense_folder)
    over = mean_iou if run.results[0].metric == "miou" else mean_of_images
    for result in run.results:
        rows = run.dense.answers.judged[result.candidate]
        assert over(rows.mean(axis=0)[None])[0] == pytest.approx(result.value)


def test_maps_are_those_that_were_written(shared_dense_folders):
    truths = dense_runs.make_labels()
    (picture, *_) = read_run(shared_dense_folders["segmentation"]).dense.pictures
    np.testing.assert_array_equal(picture.truth, truths[0])
    assert (picture.truth == -1).any()
    depths = dense_runs.make_depth()
    pictures = read_run(shared_dense_folders["depth"]).dense.pictures
    np.testing.assert_allclose(pictures[0].truth, depths[0], atol=0.00051)
    assert np.isnan(pictures[-1].truth).all()
    assert pictures[-1].predicted[NAMES[0]].score is None


def test_an_image_without_known_pixels_is_not_judged(shared_dense_folders):
    answers = read_run(shared_dense_folders["depth"]).dense.answers
    assert len(answers.ids) == 12
    assert {len(rows) for rows in answers.judged.values()} == {11}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name} must be a file .* but is missing\. Name the"):
        read_run(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_in_one_line(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:40])
    with pytest.raises(InputError, match=rf"{name} must be as .* Run polyscale compare") as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("classes", lambda row: row.pop("iou"), r"classes\.json must be as .*'iou' is missing"),
        ("classes", lambda row: row["test_px"].pop(), r"classes\.json .*lists differ in length"),
        ("classes", lambda row: row["iou"].pop(NAMES[1]), rf"every candidate, .* no {NAMES[1]}"),
        ("sizes", lambda row: row["num_objects"].pop(), r"sizes\.json .*lists differ in length"),
        ("sizes", lambda row: row["iou"].pop(NAMES[1]), rf"every candidate, .* no {NAMES[1]}"),
        (
            "results",
            lambda rows: rows[0].update(value=1.5),
            "value must be from 0 to 1, but is 1.5",
        ),
        ("results", lambda rows: [r.update(metric="fid") for r in rows], "its metric is 'fid'"),
    ],
)
def test_files_that_cannot_be_are_refused(folder, name, change, message):
    path = folder / f"{name}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_run(folder)


def test_an_error_may_exceed_one_but_not_be_negative(shared_dense_folders, tmp_path):
    for path in shared_dense_folders["depth"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "results.json"
    rows = json.loads(path.read_text())
    rows[0] |= {"value": 4.2, "ci_low": 4.1, "ci_high": 4.3}
    path.write_text(json.dumps(rows))
    assert read_run(tmp_path).results[0].value == 4.2
    rows[0]["ci_low"] = -0.1
    path.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"ci_low must be at least 0, but is -0\.1"):
        read_run(tmp_path)


def test_contrasts_must_be_of_the_metric(folder):
    path = folder / "contrasts.json"
    contrasts = json.loads(path.read_text())
    contrasts[0]["metric"] = "accuracy"
    path.write_text(json.dumps(contrasts))
    with pytest.raises(InputError, match="must hold differences of .*, but holds 'accuracy'"):
        read_run(folder)


def test_classes_must_be_those_that_were_counted(folder):
    path = folder / "classes.json"
    row = json.loads(path.read_text())
    for own in (
        row["names"],
        row["test_px"],
        row["test_images"],
        *row["iou"].values(),
    ):
        own.pop()
    path.write_text(json.dumps(row))
    with pytest.raises(InputError, match=r"images\.parquet must hold 3 classes .* but holds 4"):
        read_run(folder)


def edit_gallery(folder, keep=lambda row: True, change=lambda row: row):
    path = folder / "gallery.parquet"
    table = pq.read_table(path)
    rows = [change(row) for row in table.to_pylist() if keep(row)]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


@pytest.mark.parametrize(
    ("kind", "candidate", "what"),
    [("truth", None, "truth"), ("prediction", NAMES[2], f"prediction of {NAMES[2]}")],
)
def test_a_missing_picture_is_named(folder, kind, candidate, what):
    edit_gallery(folder, keep=lambda r: (r["kind"], r["candidate"]) != (kind, candidate))
    with pytest.raises(InputError, match=f"must hold the {what} for image 'test/0000', but"):
        read_run(folder)


@pytest.mark.parametrize(
    ("map_", "message"),
    [
        (np.zeros((4, 4), np.int16), "its pictures differ in size"),
        (np.full((96, 96), 4, np.int16), "label 4 is none of 4 classes"),
    ],
)
def test_a_map_that_cannot_be_is_named(folder, map_, message):
    def change(row):
        return row | {"bytes": dense_runs.grey_png(map_, True)} if row["kind"] == "truth" else row

    edit_gallery(folder, change=change)
    with pytest.raises(InputError, match=f"gallery.parquet .* image 'test/0000': {message}"):
        read_run(folder)


def test_an_empty_gallery_is_fine(dense_folder):
    path = dense_folder / "gallery.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    assert read_run(dense_folder).dense.pictures == ()


def test_a_missing_answer_is_named(dense_folder):
    path = dense_folder / "images.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(InputError, match=f"answer of {NAMES[0]} to image 'test/0000', but does"):
        read_run(dense_folder)
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(InputError, match=r"images\.parquet must hold at least one image"):
        read_run(dense_folder)
