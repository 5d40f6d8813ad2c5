"""`polyscale look` and `polyscale cache` as a user meets them."""

import pytest

pytestmark = pytest.mark.usefixtures("empty_folder")


def test_look_prints_the_data_and_writes_a_page(image_folder, run, tmp_path):
    result = run("look", "--data", f"folder:{image_folder}", "--limit", "12")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].endswith("?limit=12: 9 training images and 3 test images")
    assert "at most 12 images of all drawn by seed 0, in proportion to the classes" in lines[1]
    assert lines[2] == "size of the images: all 80×64 px"
    assert [line.split() for line in lines[4:7]] == [
        [name, "3", "1"] for name in ("coarse", "fine", "medium")
    ]
    assert lines[-1] == "page: look.html"
    page = (tmp_path / "look.html").read_text()
    assert page.count("data:image/jpeg") == 12
    assert "A sample of the images, with their targets" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "rooms", "--out", "look.png"], "out must be a page"),
        (["--data", "rooms", "--out", "no/look.html"], "out must be in a folder that exists"),
        (["--data", "rooms", "--task", "depht"], "Did you mean 'depth'?"),
        (["--data", "rooms", "--limit", "1"], "limit of data must be a whole number of at least 2"),
        (["--data", "folder:none"], "does not exist"),
    ],
)
def test_mistakes_are_one_line(arguments, words, run, tmp_path):
    result = run("look", *arguments)
    assert result.returncode == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert words in line
    assert not list(tmp_path.glob("*.html"))


def test_the_cache_is_measured_listed_and_emptied(run, tmp_path):
    import numpy as np

    from polyscale.features import FeatureStore

    folder = tmp_path / "cache"
    store = FeatureStore(folder)
    key = store.key({"a": 1})
    store.describe(key, "tiny at scale 1, 4 images")
    store.write(key, 0, 4, np.zeros((4, 1000), np.float32))
    (folder / "inspected-2.sqlite").write_bytes(b"x" * 1_000_000)
    cache = ("--cache", folder)
    lines = run("cache", "size", *cache).stdout.splitlines()
    assert lines[0].startswith("features and heads: 0.0 MB in 1 entries")
    assert lines[1].startswith("what was found in images: 1.0 MB")
    assert "tiny at scale 1, 4 images" in run("cache", "list", *cache).stdout
    assert run("cache", "clear", *cache, "--unused-days", "1", "--yes").returncode == 0
    assert (folder / key).exists()
    assert run("cache", "clear", *cache, "--images", "--yes").stdout == "deleted: 1.0 MB\n"
    assert list(folder.iterdir()) == []
    assert run("cache", "list", *cache).stdout == "nothing is kept\n"
