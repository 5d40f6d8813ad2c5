import pytest
from polyscale.report.dense import side_by_side
from polyscale.report.vocabulary import speak

from polyscale.report.read import read_run
from polyscale.report.sides import sides_of


def gallery_of(folder):
    run = read_run(folder)
    sides = sides_of(run.results, [(v.s2, v.larger) for v in run.verdicts])
    sign = speak(run.results[0].metric).sign
    return run, side_by_side.draw_gallery(run.dense.pictures, sides, run.dense.classes, sign)


def test_each_image_stands_beside_all_three_with_their_own_scores(dense_folder):
    run, gallery = gallery_of(dense_folder)
    assert gallery.num_left_out == 0
    best_of = max if run.results[0].metric == "miou" else min
    for shown, picture in zip(gallery.pictures, run.dense.pictures, strict=True):
        assert [p.role.title for p in shown.panels] == [
            "single scale",
            "several scales",
            "larger model",
        ]
        for panel in shown.panels:
            assert panel.score == picture.predicted[panel.role.candidate].score
        scores = [p.score for p in shown.panels if p.score is not None]
        if scores:
            assert {p.score for p in shown.panels if p.is_best} == {best_of(scores)}


def test_the_legend_names_what_the_picture_shows(shared_dense_folders):
    run, gallery = gallery_of(shared_dense_folders["segmentation"])
    names = run.dense.classes.names
    shown = [swatch.name for swatch in gallery.pictures[0].legend]
    assert shown[-1] == "ignored"
    assert set(shown[:-1]) == set(names)
    assert shown[0] in ("wall", "floor")
    assert len({swatch.css for swatch in gallery.pictures[0].legend}) == len(shown)


def test_colours_of_errors_end_at_a_round_number(shared_dense_folders):
    _, gallery = gallery_of(shared_dense_folders["depth"])
    digits = f"{gallery.limit_m:g}".replace(".", "").lstrip("0").rstrip("0")
    assert len(digits) == 1
    assert 0.01 <= gallery.limit_m <= 5


def test_a_page_holds_no_more_than_it_should(shared_dense_folders, monkeypatch):
    _, whole = gallery_of(shared_dense_folders["segmentation"])
    room = sum(picture.num_chars for picture in whole.pictures[:5])
    monkeypatch.setattr(side_by_side, "MAX_CHARS", room)
    _, part = gallery_of(shared_dense_folders["segmentation"])
    assert (len(part.pictures), part.num_left_out) == (5, 7)


@pytest.mark.parametrize("num", [1, 2])
def test_without_a_verdict_the_first_candidates_are_shown(shared_dense_folders, num):
    run = read_run(shared_dense_folders["depth"])
    sides = sides_of(run.results[:num], [])
    gallery = side_by_side.draw_gallery(run.dense.pictures, sides, None, -1)
    assert [len(picture.panels) for picture in gallery.pictures] == [num] * 12
