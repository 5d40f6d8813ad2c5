"""`polyscale show` and `polyscale seams` as a user meets them."""

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("empty_folder")

LITE = ("--model", "pip:efficientnet_lite0")


@pytest.fixture
def photo(image_folder):
    return image_folder / "fine" / "0.png"


@pytest.mark.parametrize("verb", ["show", "seams"])
def test_help_has_examples(verb, run):
    assert f"polyscale {verb} photo.jpg" in run(verb, "--help").stdout


@pytest.mark.weights
def test_show_prints_the_plan_and_where_the_picture_is(photo, run, tmp_path):
    result = run("show", photo, *LITE, "--scales", "0.5,1,2", "--aspect", "keep")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "scale 0.5: 112×112 px, 1×1 tiles of 112×112 px"
    assert lines[-2:] == ["9 tiles → 7×9 cells", "picture: 0-scales.png"]
    with Image.open(tmp_path / "0-scales.png") as picture:
        assert picture.size[0] > 1500


@pytest.mark.weights
def test_seams_prints_a_row_a_way(photo, run, tmp_path):
    other = photo.with_name("1.png")
    result = run("seams", photo, other, *LITE, "--out", "seams.svg")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "pip:efficientnet_lite0, scale 2, 2 images"
    assert lines[2].split()[0] == "plain"
    assert "4 (1×)" in lines[2]
    assert any(line.split()[:1] == ["untiled"] for line in lines)
    assert lines[-1] == "picture: seams.svg"
    assert (tmp_path / "seams.svg").read_bytes().startswith(b"<?xml")
    without = run("seams", photo, *LITE, "--no-control")
    assert "untiled" not in without.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "none.png"], "none.png cannot be read (there is no such file"),
        (["show", "text.png"], "text.png cannot be read (no image format"),
        (["show", "photo.png", "--out", "a.jpg"], "out must end in"),
        (["show", "photo.png", "--out", "photo.png"], "another file"),
        (["show", "photo.png", "--model", "pip:dino"], "knows no model 'dino'"),
        (["show", "photo.png", "--scales", "x"], "scales must be numbers"),
        (["show", "photo.png", "--aspect", "fit"], "aspect must be one of"),
        (["show", "photo.png", "--overlap", "2"], "overlap must be between 0 and 0.9"),
        (["show", "photo.png", "--source", "x"], "source must be"),
        (["seams", "photo.png", "none.png"], "none.png cannot be read"),
        (["seams", "photo.png", "--scale", "1"], "scale must be a whole number of at least 2"),
        (["seams", "photo.png", "--out", "photo.png"], "another file"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(arguments, words, photo, run, tmp_path):
    photo.rename(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("no picture")
    before = sorted(tmp_path.iterdir())
    result = run(*arguments)
    assert result.returncode == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.iterdir()) == before
