"""Maps of success and films on the page."""

from dataclasses import replace
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from polyscale.errors import InputError
from polyscale.records import FILMS_FILE, Episodes, FilmRow
from polyscale.report.read_films import read_films
from polyscale.report.sections.episodes import episodes_section, success_maps

PLACES = ((1.2, 0.6), (1.5, 0.9), (1.2, 0.9))


def webp():
    content = BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:])
    return content.getvalue()


@pytest.fixture
def episodes(run):
    shares = dict.fromkeys(run.rows, (0.0, 1.0, 1 / 3))
    return Episodes(ids=("a", "b", "c"), xy_m=PLACES, success=shares, num_policies=3)


@pytest.fixture
def film(run):
    return FilmRow(candidate=next(iter(run.rows)), id="b", success=True, steps=17, bytes=webp())


def test_a_run_without_episodes_has_no_section(run):
    assert episodes_section(run) is None


def test_a_map_is_seen_from_above(episodes):
    (lower, right, upper), *_ = success_maps(episodes, list(episodes.success)).values()
    assert right.left > upper.left == lower.left
    assert upper.top == right.top < lower.top
    assert right.left - lower.left == pytest.approx(lower.top - upper.top)
    assert [start.share for start in (lower, right, upper)] == [0, 1, 1 / 3]


def test_a_single_start_is_in_the_middle():
    alone = Episodes(ids=("a",), xy_m=((1.0, 2.0),), success={"x": (1.0,)})
    (start,) = success_maps(alone, ["x"])["x"]
    assert start.left == start.top == 100


def test_the_page_shows_every_start_and_film(run, episodes, film):
    page = episodes_section(replace(run, episodes=episodes, films=(film,)))
    assert page.count("<circle") == 3 * len(run.rows)
    assert page.count("data:image/webp") == 1
    assert "success after 17 actions" in page
    assert "all 3 policies" in page
    failed = replace(film, success=False)
    assert "no success in 17" in episodes_section(replace(run, episodes=episodes, films=(failed,)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "z"}, "is not of this run"),
        ({"candidate": "somebody"}, "is not of this run"),
        ({"bytes": b"RIFF"}, "is not a WEBP of this run"),
    ],
)
def test_films_of_others_are_refused(tmp_path, episodes, film, change, told):
    def write(row):
        pq.write_table(pa.Table.from_pylist([vars(row)]), tmp_path / FILMS_FILE)

    write(film)
    assert read_films(tmp_path, episodes) == (film,)
    write(replace(film, **change))
    with pytest.raises(InputError, match=told):
        read_films(tmp_path, episodes)


def test_lists_of_episodes_have_one_length(episodes):
    with pytest.raises(ValueError, match="must hold lists of one length"):
        replace(episodes, xy_m=PLACES[:2])
