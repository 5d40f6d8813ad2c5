"""Reading of run folders, and of damaged and edited ones."""

import json
import random
import re
import shutil
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.report.conftest import edit, edit_table
from tests.report.studies import CANDIDATES, CLASSES, DINO, LITE, MAP_CANDIDATES, NUM_MAPS

from polyscale.errors import InputError
from polyscale.report import write_report
from polyscale.report.merge import REDUCTIONS
from polyscale.report.read import read_run

FILES = (
    "task.json", "results.json", "contrasts.json", "predictions.parquet", "gallery.parquet"
)  # fmt: skip
OPTIONAL = ("verdicts", "cascades", "controls", "probes", "data", "failures", "timing")
MAP_FILES = ("images.parquet", "gallery.parquet", "classes.json", "sizes.json")


def test_a_run_is_read(run):
    assert [r.candidate for r in run.results] == list(CANDIDATES)
    assert len(run.contrasts) == 21
    assert len(run.pictures) == 24
    assert run.maps == ()
    picture = run.pictures[0]
    assert {p.size_wh for p in run.pictures} == {(48, 64), (64, 48)}
    assert {p.label for p in run.pictures} <= set(CLASSES)
    images = run.images
    row = images.index[picture.id]
    assert images.labels[row] == picture.label
    for name in CANDIDATES:
        right = images.predictions[name][row] == picture.label
        assert images.correct[name][row] == right


def test_a_run_of_maps_is_read(map_folder):
    run = read_run(map_folder)
    assert run.images.labels is None
    assert run.pictures == ()
    assert len(run.images.ids) == len(run.maps) == NUM_MAPS
    assert (run.classes is None) == (run.sizes is None) == (run.task.task == "depth")
    for image in run.maps:
        assert list(image.predicted) == list(MAP_CANDIDATES)
        for target in (image.truth, *image.predicted.values()):
            assert target.shape == image.size_wh[::-1]


def test_what_is_read_gives_the_values_of_the_rows(map_folder):
    run = read_run(map_folder)
    for result in run.results:
        rows = run.images.known[result.candidate]
        over_images = REDUCTIONS[run.task.reduction]
        assert over_images(rows.mean(axis=0)[None])[0] == pytest.approx(result.value)


def test_unknown_pixels_of_maps_are_read_as_such(segmentation, depth):
    """The upper rows of every generated target are ignored, or of unknown depth."""
    for image in segmentation.maps:
        assert (image.truth[:3] == -1).all()
        assert set(np.unique(image.truth[3:])) <= {0, 1, 2}
    for image in depth.maps:
        assert np.isnan(image.truth[:3]).all()
        # 1 m, and 0.9 m more for each label
        np.testing.assert_allclose(np.unique(image.truth[3:]) % 0.9, 0.1, atol=1e-4)


def test_an_image_without_known_pixels_is_not_judged(runs, tmp_path):
    folder = shutil.copytree(runs["depth"], tmp_path / "run")
    first = read_run(folder).images.ids[0]
    edit_table(
        folder / "images.parquet",
        change=lambda row: row | {"rmse": None} if row["id"] == first else row,
    )
    images = read_run(folder).images
    assert len(images.ids) == NUM_MAPS
    assert {len(rows) for rows in images.known.values()} == {NUM_MAPS - 1}


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


@pytest.mark.parametrize("name", MAP_FILES[:3])
def test_a_missing_file_of_maps_is_named(segmentation_folder, name):
    (segmentation_folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name} must be a file .* but is missing\. Name the"):
        read_run(segmentation_folder)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_in_one_line(run_folder, name):
    (run_folder / name).write_bytes((run_folder / name).read_bytes()[:40])
    with pytest.raises(InputError, match=rf"{name} must be as .* Run polyscale compare") as caught:
        read_run(run_folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", MAP_FILES)
def test_a_damaged_file_of_maps_is_named_in_one_line(segmentation_folder, name):
    path = segmentation_folder / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=rf"{name} must be as .* Run polyscale compare") as caught:
        read_run(segmentation_folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["results.json", "contrasts.json"])
def test_a_row_with_a_field_too_few_is_named(run_folder, name):
    edit(
        run_folder / name,
        lambda rows: [{k: v for k, v in r.items() if k != "metric"} for r in rows],
    )
    with pytest.raises(InputError, match=f"{name}, row 1: metric must be there, but is missing"):
        read_run(run_folder)


def test_a_missing_column_is_named(run_folder):
    path = run_folder / "predictions.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["correct"]), path)
    with pytest.raises(InputError, match=r"predictions\.parquet must be as .*'correct' is missing"):
        read_run(run_folder)


def test_answers_without_a_class_are_right_or_wrong_alone(run_folder):
    """A task whose images have no single class has no page of classes, and no gallery of them."""
    path = run_folder / "predictions.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["label"]), path)
    with pytest.raises(InputError, match=r"gallery\.parquet .*no answers in the file of images"):
        read_run(run_folder)
    edit_table(run_folder / "gallery.parquet", keep=lambda row: False)
    run = read_run(run_folder)
    assert run.images.labels is None
    assert run.images.correct[CANDIDATES[0]].mean() == run.results[0].value


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


def test_rows_must_be_of_the_metric_that_the_task_has(run_folder):
    edit(run_folder / "results.json", lambda rows: [r | {"metric": "fid"} for r in rows])
    with pytest.raises(InputError, match=r"metric of task\.json, .* 'accuracy', but has 'fid'"):
        read_run(run_folder)


def test_rows_must_agree_with_the_task_on_which_way_is_better(run_folder):
    for name in ("results", "contrasts"):
        edit(
            run_folder / f"{name}.json",
            lambda rows: [r | {"higher_is_better": False} for r in rows],
        )
    with pytest.raises(InputError, match=r"must have the higher_is_better of task\.json"):
        read_run(run_folder)


def test_a_missing_pair_is_named(run_folder):
    edit(run_folder / "contrasts.json", lambda rows: rows[1:])
    with pytest.raises(InputError, match="has no pip:efficientnet_lite0@1 against pip:eff"):
        read_run(run_folder)


@pytest.mark.parametrize("name", ["verdicts", "cascades", "controls", "probes", "contrasts"])
def test_files_of_another_run_are_refused(run_folder, name):
    path = run_folder / f"{name}.json"
    path.write_text(path.read_text().replace(f"{LITE}0@1,2,3", "timm:other@1"))
    with pytest.raises(InputError, match=rf"{name}\.json must .*(timm:other@1|has no pip)"):
        read_run(run_folder)


def test_a_missing_answer_is_named(run_folder):
    path = run_folder / "predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(table.filter(pc.not_equal(table["candidate"], f"{DINO}@1")), path)
    with pytest.raises(InputError, match="must hold the answer of pip:dinov2_small@1 to image"):
        read_run(run_folder)


def test_a_missing_image_is_named(map_folder):
    path = map_folder / "images.parquet"
    whole = pq.read_table(path)
    pq.write_table(whole.slice(1), path)
    with pytest.raises(InputError, match=f"answer of {MAP_CANDIDATES[0]} to image '.*', but does"):
        read_run(map_folder)
    pq.write_table(whole.slice(0, 0), path)
    with pytest.raises(InputError, match=r"images\.parquet must hold at least one image"):
        read_run(map_folder)


def test_an_image_that_is_no_jpeg_is_named(run_folder):
    path = run_folder / "gallery.parquet"
    first = pq.read_table(path)["id"][0].as_py()
    edit_table(
        path,
        change=lambda row: (
            row | {"image": {"bytes": b"GIF89a", "path": None}} if row["id"] == first else row
        ),
    )
    with pytest.raises(InputError, match=rf"gallery\.parquet .* image '{first}' is not a JPEG"):
        read_run(run_folder)


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("content", ['[{"x', '[{"family": 1}]', "7"])
def test_a_damaged_file_that_may_be_absent_is_named(run_folder, name, content):
    (run_folder / f"{name}.json").write_text(content)
    with pytest.raises(InputError, match=rf"{name}\.json.* must .* Run polyscale compare"):
        read_run(run_folder)


def test_fields_of_a_later_version_are_left_alone(run_folder, run):
    for name in ("results", "controls", "cascades"):
        edit(run_folder / f"{name}.json", lambda rows: [r | {"of_tomorrow": 1} for r in rows])
    found = read_run(run_folder)
    assert [r.candidate for r in found.results] == [r.candidate for r in run.results]
    assert found.throughput.keys() == {r.candidate for r in run.results}


def test_answers_are_those_of_the_file_whatever_its_order(run_folder, run):
    path = run_folder / "predictions.parquet"
    table = pq.read_table(path)
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(table))))
    pq.write_table(shuffled, path)
    found = read_run(run_folder).images
    np.testing.assert_array_equal(found.labels, run.images.labels)
    for result in run.results:
        assert found.correct[result.candidate].mean() == result.value
        right = found.predictions[result.candidate] == found.labels
        np.testing.assert_array_equal(right, found.correct[result.candidate])


def test_an_answer_given_twice_is_refused(run_folder):
    path = run_folder / "predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    with pytest.raises(InputError, match="must hold each answer once, but pip:eff.*@1 has more"):
        read_run(run_folder)


def test_an_empty_gallery_is_fine(run_folder, map_folder):
    for folder in (run_folder, map_folder):
        edit_table(folder / "gallery.parquet", keep=lambda row: False)
        run = read_run(folder)
        assert (run.pictures, run.maps) == ((), ())


def test_without_a_date_the_file_tells_it(run_folder):
    def undated(rows):
        for row in rows:
            row["settings"].pop("date")

    assert read_run(run_folder).date == json.loads((run_folder / "results.json").read_text())[0][
        "settings"
    ].get("date")
    edit(run_folder / "results.json", undated)
    assert len(read_run(run_folder).date) == len("2025-01-31")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("classes", lambda row: row.pop("iou"), r"classes\.json: iou must be there"),
        ("classes", lambda row: row["test_px"].pop(), r"classes\.json .*lists of one length"),
        (
            "classes",
            lambda row: row["iou"].pop(MAP_CANDIDATES[1]),
            f"every candidate, .* no {MAP_CANDIDATES[1]}",
        ),
        ("sizes", lambda row: row["num_objects"].pop(), r"sizes\.json .*lists of one length"),
        (
            "sizes",
            lambda row: row["iou"].pop(MAP_CANDIDATES[1]),
            f"every candidate, .* no {MAP_CANDIDATES[1]}",
        ),
        ("sizes", lambda row: row["edges_px"].reverse(), r"sizes\.json .*rising edges_px"),
        (
            "results",
            lambda rows: rows[1].update(value=1.5),
            r"results\.json, row 2: value must be from 0 to 1, but is 1.5",
        ),
        (
            "results",
            lambda rows: rows[1].update(latency_ms="x"),
            r"results\.json, row 2: latency_ms must be a number above 0, but is 'x'\. Run polys",
        ),
        (
            "verdicts",
            lambda rows: rows[0]["costs"][3].update(axis="money"),
            r"verdicts\.json, row 1: costs\[3\]\.axis must be one of 'macs', .* is 'money'",
        ),
        ("task", lambda row: row.update(statistics=["union"]), "must hold 2 statistics"),
        ("task", lambda row: row.update(images_file="../x"), "must name an images_file of the"),
    ],
)
def test_files_that_cannot_be_are_refused(segmentation_folder, name, change, message):
    def changed(content):
        change(content)

    edit(segmentation_folder / f"{name}.json", changed)
    with pytest.raises(InputError, match=message):
        read_run(segmentation_folder)


def test_an_error_may_exceed_one_but_not_be_negative(runs, tmp_path):
    folder = shutil.copytree(runs["depth"], tmp_path / "run")
    path = folder / "results.json"
    edit(path, lambda rows: rows[0].update(value=4.2, ci_low=4.1, ci_high=4.3))
    assert read_run(folder).results[0].value == 4.2
    edit(path, lambda rows: rows[0].update(ci_low=-0.1))
    with pytest.raises(InputError, match=r"ci_low must be at least 0, but is -0\.1"):
        read_run(folder)


def test_contrasts_must_be_of_the_metric(segmentation_folder):
    edit(segmentation_folder / "contrasts.json", lambda rows: rows[0].update(metric="accuracy"))
    with pytest.raises(InputError, match="must hold differences of .*, but holds 'accuracy'"):
        read_run(segmentation_folder)


def test_classes_must_be_those_that_were_counted(segmentation_folder):
    def without_the_last(row):
        for lists in (row["names"], row["test_px"], row["test_images"], *row["iou"].values()):
            lists.pop()

    edit(segmentation_folder / "classes.json", without_the_last)
    with pytest.raises(InputError, match=r"(label 2 is none of 2 classes|must hold 2 classes)"):
        read_run(segmentation_folder)


@pytest.mark.parametrize(
    ("kind", "candidate", "what"),
    [
        ("truth", None, "truth"),
        ("prediction", MAP_CANDIDATES[2], f"prediction of {MAP_CANDIDATES[2]}"),
    ],
)
def test_a_missing_picture_is_named(segmentation_folder, kind, candidate, what):
    edit_table(
        segmentation_folder / "gallery.parquet",
        keep=lambda row: (row["kind"], row["candidate"]) != (kind, candidate),
    )
    with pytest.raises(InputError, match=f"must hold the {what} for image '.*', but"):
        read_run(segmentation_folder)


@pytest.mark.parametrize("shape", [(4, 4), (96, 96)])
def test_a_map_that_cannot_be_is_named(segmentation_folder, shape):
    out = BytesIO()
    Image.fromarray(np.full(shape, 9, np.uint16)).save(out, "PNG")
    edit_table(
        segmentation_folder / "gallery.parquet",
        change=lambda row: row | {"bytes": out.getvalue()} if row["kind"] == "truth" else row,
    )
    wrong = "label 9 is none of 3 classes" if shape == (96, 96) else "its pictures differ in size"
    with pytest.raises(InputError, match=f"gallery.parquet .* image '.*': {wrong}"):
        read_run(segmentation_folder)


def refusal(folder) -> str:
    """What a report of the folder is refused with, in one line; empty where it is drawn."""
    try:
        write_report(folder)
    except InputError as error:
        return str(error)
    return ""


def places(content, at=()):
    """Every place of a file, from its top."""
    yield at
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*at, key))
    elif isinstance(content, list):
        for i, value in enumerate(content[:2]):
            yield from places(value, (*at, i))


def with_value(content, at, value):
    if not at:
        return value
    inner = content[at[0]]
    changed = with_value(inner, at[1:], value)
    if isinstance(content, dict):
        rest = {k: v for k, v in content.items() if k != at[0]}
        return rest if changed is MISSING else {**content, at[0]: changed}
    return [*content[: at[0]], *([] if changed is MISSING else [changed]), *content[at[0] + 1 :]]


def with_one_picture(run, folder):
    """A copy of a run whose page is quickly drawn."""
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("heads"))
    path = folder / "gallery.parquet"
    first = pq.read_table(path)["id"][0].as_py()
    edit_table(path, keep=lambda row: row["id"] == first)
    return folder


MISSING = object()
VALUES = (
    MISSING, None, True, 0, -1, 1e308, -1e-320, 2**70, float("nan"), float("inf"), "", "x\n<b>",
    "\ud800", [], [[]], {}, {"": None}, [None], "é" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_a_mutated_file_is_named_or_makes_a_page(runs, tmp_path, no_charts, task):
    """Whatever stands in a JSON file: an error in one line, or a page. Never a traceback."""
    folder = with_one_picture(runs[task], tmp_path / "run")
    chance = random.Random(0)  # noqa: S311 - not for secrets
    tried = refused = 0
    for path in sorted(folder.glob("*.json")):
        whole = path.read_text()
        content = json.loads(whole)
        everywhere = list(places(content))
        for at in chance.sample(everywhere, min(len(everywhere), 12)):
            path.write_text(json.dumps(with_value(content, at, chance.choice(VALUES)), default=str))
            tried += 1
            message = refusal(folder)
            refused += bool(message)
            assert re.search(r"\.(json|parquet)\b[^\n]* must [^\n]*$", message) or not message
        path.write_text(whole)
    assert tried > 60
    assert refused > tried / 3
    write_report(folder)


BYTES = (b"", b"\xff\xfe\x00", b"{" * 5000, b"null", b"[1e999]", b"\x00" * 40)


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_files_of_other_bytes_or_swapped_are_refused(runs, tmp_path, no_charts, task):
    folder = with_one_picture(runs[task], tmp_path / "run")
    unread = ("sweet_spots.json", "objects.parquet")
    paths = [p for p in folder.iterdir() if p.suffix in (".json", ".parquet")]
    contents = {path: path.read_bytes() for path in paths if path.name not in unread}
    for path, whole in contents.items():
        others = [other for name, other in contents.items() if name != path and other != whole]
        for content in (*BYTES, whole[: len(whole) // 2], *others):
            path.write_bytes(content)
            message = refusal(folder)
            # an empty list is a file without rows, which some files may be
            is_empty = path.suffix == ".json" and content in (b"[]\n", b"{}\n")
            assert is_empty or path.name in message
            assert "\n" not in message
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("task", "file"),
    [
        ("classification", "predictions"),
        ("classification", "gallery"),
        ("segmentation", "images"),
        ("segmentation", "gallery"),
        ("depth", "images"),
    ],
)
def test_mutated_columns_are_named_or_make_a_page(runs, tmp_path, no_charts, task, file):
    folder = with_one_picture(runs[task], tmp_path / "run")
    path = folder / f"{file}.parquet"
    table = pq.read_table(path)
    n = len(table)
    refused = 0
    for number, name in enumerate(table.column_names):
        for column in (
            pa.nulls(n),
            pa.array([None, *table[name].to_pylist()[1:]], table[name].type),
            pa.array(["x"] * n),
            pa.array([float("inf")] * n),
            pa.array([[1.0] * (i % 2) for i in range(n)]),
            pa.array([{"bytes": None}] * n),
            table[name].combine_chunks()[::-1],
            None,
        ):
            changed = table.drop_columns([name])
            if column is not None:
                changed = table.set_column(number, name, column)
            pq.write_table(changed, path)
            message = refusal(folder)
            refused += bool(message)
            assert re.search(r"\.parquet must [^\n]*$", message) or not message
    assert refused > 10
