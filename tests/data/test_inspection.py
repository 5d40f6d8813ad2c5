import os
import sqlite3

import numpy as np
import pytest
from PIL import Image
from tests.data.test_image import bomb

from polyscale.data import inspection as module
from polyscale.data import load_classification
from polyscale.data.inspection import inspect
from polyscale.data.inspection_cache import InspectionCache
from polyscale.data.listing import list_files


@pytest.fixture
def settled(monkeypatch):
    """Files count as old enough to be kept."""
    monkeypatch.setattr("polyscale.data.inspection_cache.SETTLED_S", -60)


@pytest.fixture
def looks(monkeypatch):
    """Names of what is done: files read and images decoded."""
    calls = []
    real = module.read_thumb

    def counted(data, *, name):
        calls.append(len(data))
        return real(data, name=name)

    monkeypatch.setattr(module, "read_thumb", counted)
    return calls


def run(files, cache=None, progress=lambda *_: None):
    database = InspectionCache(cache)
    try:
        listing = list_files([(f.name, f) for f in files])
        return inspect(listing, cache=database, step="look", progress=progress)
    finally:
        database.close()


def test_every_reason_is_told(image_folder, tmp_path):
    good = (image_folder / "fine" / "0.png").read_bytes()
    files = {
        "good.png": good,
        "empty.png": b"",
        "text.jpg": b"hello",
        "cut.png": good[: len(good) // 2],
        "bomb.png": bomb(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    Image.new("RGB", (100, 7)).save(tmp_path / "thin.png")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = [*files, "thin.png", "folder.png", "pipe.png", "gone.png"]
    found = run([tmp_path / name for name in names])
    assert found[0].image_hw == (64, 80)
    reasons = [
        "empty",
        "no image format",
        "truncated|broken",
        "megapixels",
        "100×7 px",
        "no regular",
    ]
    for reason, words in zip(found[1:], [*reasons, "no regular", "No such file"], strict=True):
        assert any(word in reason for word in words.split("|")), (reason, words)


def test_a_truncated_jpeg_is_found_although_it_is_decoded_small(photograph, tmp_path):
    photograph.resize((1200, 800)).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: int(len(data) * 0.95)])
    whole, cut = run([tmp_path / "a.jpg", tmp_path / "cut.jpg"])
    assert whole.image_hw == (800, 1200)
    assert "truncated" in cut


def test_the_second_look_reads_nothing(image_folder, tmp_path, settled, looks, monkeypatch):
    files = sorted(image_folder.rglob("*.png"))
    first = run(files, tmp_path / "cache")
    assert len(looks) == len(files)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert run(files, tmp_path / "cache") == first
    assert len(looks) == len(files)


def test_a_changed_file_is_never_stale(image_folder, tmp_path, settled):
    """Also where size and modification time are those of before."""
    file, other = image_folder / "fine" / "0.png", image_folder / "fine" / "1.png"
    (before,) = run([file], tmp_path / "cache")
    times, size = file.stat(), file.stat().st_size
    data = other.read_bytes()
    file.write_bytes(data + b"\0" * (size - len(data)) if len(data) < size else data)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    (after,) = run([file], tmp_path / "cache")
    assert after != before
    assert [after] == run([file])


def test_a_file_touched_just_now_is_not_trusted(image_folder, tmp_path, looks):
    file = image_folder / "fine" / "0.png"
    run([file], tmp_path / "cache")
    database = InspectionCache(tmp_path / "cache")
    assert database.digest(file, file.stat()) is None
    assert database.get("images", run([file])[0].digest) is not None
    database.close()


def test_a_moved_file_is_known_by_its_bytes(image_folder, tmp_path, looks):
    file = image_folder / "fine" / "0.png"
    run([file], tmp_path / "cache")
    run([file.rename(tmp_path / "moved.png")], tmp_path / "cache")
    assert len(looks) == 1


@pytest.mark.parametrize("content", [b"", b"no database" * 100, "cut", "folder"])
def test_a_damaged_cache_is_as_if_it_were_not_there(image_folder, tmp_path, settled, content):
    files = sorted(image_folder.rglob("*.png"))
    expected = run(files, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    if content == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(file.read_bytes()[:5000] if content == "cut" else content)
    assert run(files, tmp_path / "cache") == expected
    assert run(files, tmp_path / "cache") == expected


def test_a_cache_that_cannot_be_written(image_folder, tmp_path):
    (tmp_path / "file").write_text("")
    files = sorted(image_folder.rglob("*.png"))
    assert run(files, tmp_path / "file" / "cache") == run(files)


def test_a_killed_run_loses_one_batch(image_folder, tmp_path, settled, looks, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 5)
    files = sorted(image_folder.rglob("*.png"))

    def stop(step, done, total, unit):
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(files, tmp_path / "cache", stop)
    assert len(looks) == 10
    run(files, tmp_path / "cache")
    assert len(looks) == len(files)
    with sqlite3.connect(tmp_path / "cache" / "inspected-2.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_progress_counts_images(image_folder):
    calls = []
    load_classification(f"folder:{image_folder}", progress=lambda *call: calls.append(call))
    assert calls[0] == ("data: images", 0, 36, "images")
    assert calls[-1] == ("data: images", 36, 36, "images")


def test_facts_are_those_of_the_pixels(image_folder):
    file = image_folder / "fine" / "0.png"
    (found,) = run([file])
    grey = Image.open(file).resize((16, 16), Image.Resampling.BILINEAR).convert("L")
    np.testing.assert_array_equal(found.pixels.reshape(16, 16), np.asarray(grey))
