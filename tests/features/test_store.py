import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from polyscale.errors import RunError
from polyscale.features import DamagedFeaturesWarning, FeatureStore, StoreError

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)

NUM_DAMAGES = 20


def test_written_rows_are_read_back(tmp_path):
    store = FeatureStore(tmp_path / "cache")
    assert store.read("k", 0, 2, (3,)) is None
    store.write("k", 0, 2, ROWS)
    np.testing.assert_array_equal(store.read("k", 0, 2, (3,)), ROWS)
    assert store.read("k", 2, 4, (3,)) is None


def not_a_number():
    return np.full((2, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\0" * 500, ROWS[:1], ROWS[:, :2], ROWS.astype(np.float64), not_a_number()],
    ids=["empty", "garbage", "zeros", "a row short", "a column short", "float64", "nan"],
)
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path, content):
    store = FeatureStore(tmp_path)
    store.write("k", 0, 2, ROWS)
    (file,) = (tmp_path / "k").iterdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        with file.open("wb") as opened:
            np.save(opened, content)
    with pytest.warns(DamagedFeaturesWarning, match="computed again"):
        assert store.read("k", 0, 2, (3,)) is None
    assert not file.exists()
    store.write("k", 0, 2, ROWS)
    assert store.read("k", 0, 2, (3,)) is not None


def test_a_cut_file_is_as_if_it_were_not_there(tmp_path):
    store = FeatureStore(tmp_path)
    store.write("k", 0, 2, ROWS)
    (file,) = (tmp_path / "k").iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.warns(DamagedFeaturesWarning, match="00000000-00000002: .* bytes instead of"):
        assert store.read("k", 0, 2, (3,)) is None


def test_key_depends_on_every_fact():
    facts = {"backbone": "a", "scale": 1, "size": (2, 3)}
    assert FeatureStore.key(facts) == FeatureStore.key(dict(reversed(facts.items())))
    for name in facts:
        assert FeatureStore.key(facts | {name: "other"}) != FeatureStore.key(facts)


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), OSError("8 requested and 0 written")],
)
def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, error):
    def full(*args):
        raise error

    store = FeatureStore(tmp_path)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match=rf"{error.strerror or error}\).*--cache"):
        store.write("k", 0, 1, np.zeros((1, 2), np.float32))
    assert list((tmp_path / "k").iterdir()) == []
    assert store.read("k", 0, 1, (2,)) is None


def test_a_folder_that_goes_while_it_is_made_is_made_again(tmp_path, monkeypatch):
    """Another run makes room between `mkdir`, which finds the folder, and a look at what it is."""
    store, make, seen = FeatureStore(tmp_path), Path.mkdir, []

    def meddle(path, *args, **options):
        seen.append(path)
        if len(seen) == 1:
            raise FileExistsError(17, "File exists", str(path))
        make(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", meddle)
    store.write("0" * 24, 0, 2, np.ones((2, 3), np.float32))
    assert store.read("0" * 24, 0, 2, (3,)) is not None


def test_pickles_are_not_read(tmp_path):
    store = FeatureStore(tmp_path)
    (tmp_path / "k").mkdir()
    file = tmp_path / "k" / "00000000-00000001.npy"
    np.save(file, np.array([{}]), allow_pickle=True)
    with pytest.warns(DamagedFeaturesWarning):
        assert store.read("k", 0, 1, (1,)) is None


@pytest.fixture
def plain(tmp_path):
    """Features as they were kept before files had checksums."""
    file = tmp_path / "k" / "00000000-00000002.npy"
    file.parent.mkdir()
    np.save(file, ROWS)
    return file


@pytest.mark.parametrize("read", [FeatureStore.read, FeatureStore.has])
def test_files_without_checksums_are_read_and_given_them(tmp_path, plain, read):
    store = FeatureStore(tmp_path)
    assert read(store, "k", 0, 2, (3,)) is not None
    assert [file.name for file in (tmp_path / "k").iterdir()] == ["00000000-00000002.rows"]
    np.testing.assert_array_equal(store.read("k", 0, 2, (3,)), ROWS)


def test_a_disk_without_room_for_checksums_loses_nothing(tmp_path, plain, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        FeatureStore(tmp_path).read("k", 0, 2, (3,))
    assert plain.exists()


def test_numpy_reads_the_rows(tmp_path):
    FeatureStore(tmp_path).write("k", 0, 2, ROWS)
    with (tmp_path / "k" / "00000000-00000002.rows").open("rb") as opened:
        np.testing.assert_array_equal(np.load(opened), ROWS)


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "key is a file"])
def test_anything_else_in_the_place_of_a_file_is_replaced(tmp_path, kind):
    store = FeatureStore(tmp_path)
    store.write("k", 0, 2, ROWS)
    file = tmp_path / "k" / "00000000-00000002.rows"
    file.unlink()
    if kind == "folder":
        (file / "inside").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "loop":
        file.symlink_to(file)
    else:
        file.parent.rmdir()
        file.parent.write_bytes(b"x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedFeaturesWarning)
        assert not store.has("k", 0, 2, (3,))
    store.write("k", 0, 2, ROWS)
    np.testing.assert_array_equal(store.read("k", 0, 2, (3,)), ROWS)


def test_a_damaged_file_that_cannot_be_removed_is_an_error(tmp_path, monkeypatch):
    def refuse(path, **options):
        raise PermissionError(13, "Permission denied")

    store = FeatureStore(tmp_path)
    store.write("k", 0, 2, ROWS)
    (tmp_path / "k" / "00000000-00000002.rows").write_bytes(b"damage")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StoreError, match=r"removed, though damaged \(6 bytes.*Permission denied"):
        store.read("k", 0, 2, (3,))


def test_one_warning_for_all_damage(tmp_path):
    store = FeatureStore(tmp_path)
    for start in (0, 2, 4):
        store.write("k", start, start + 2, ROWS)
    for file in (tmp_path / "k").iterdir():
        file.write_bytes(b"damage")
    with pytest.warns(DamagedFeaturesWarning) as warned:
        assert [store.read("k", start, start + 2, (3,)) for start in (0, 2, 4)] == [None] * 3
    assert len(warned) == 1


def damage(generator, files):
    """Change the bytes of a file, or where it lies; what changes nothing is tried again."""
    file, other = generator.choice(len(files), 2, replace=False)
    file, other = files[file], files[other]
    before = file.read_bytes()
    content = bytearray(before)
    first = int(generator.integers(len(content)))
    last = int(min(len(content), first + 2 ** generator.integers(1, 12)))
    kind = generator.choice(["bit", "zeros", "noise", "repeat", "cut", "longer", "swap"])
    if kind == "bit":
        content[first] ^= 1 << int(generator.integers(8))
    elif kind == "zeros":
        content[first:last] = bytes(last - first)
    elif kind == "noise":
        content[first:last] = generator.bytes(last - first)
    elif kind == "repeat":
        content[first:last] = content[: last - first]
    elif kind == "cut":
        del content[first:]
    elif kind == "longer":
        content += generator.bytes(int(generator.integers(1, 100)))
    else:
        content, swapped = other.read_bytes(), before
        other.write_bytes(swapped)
    file.write_bytes(content)
    return file if content != before else damage(generator, files)


@pytest.mark.parametrize("seed", range(NUM_DAMAGES))
def test_every_damage_is_noticed(tmp_path, seed):
    """1 000 seeds were tried; `NUM_DAMAGES` of them are enough here."""
    generator, store = np.random.default_rng(seed), FeatureStore(tmp_path)
    kept = {}
    for key in ("a", "b"):
        for start in (0, 4, 8):
            kept[key, start] = generator.normal(size=(4, 2, 3, 5)).astype(np.float16)
            kept[key, start][1] = 0  # all zeros are the easiest to take for others
            store.write(key, start, start + 4, kept[key, start])
    damage(generator, sorted(tmp_path.rglob("*.rows")))
    with pytest.warns(DamagedFeaturesWarning):
        found = {
            (key, start): store.read(key, start, start + 4, (2, 3, 5), np.float16)
            for key, start in kept
        }
    assert any(rows is None for rows in found.values())
    for place, rows in found.items():
        if rows is not None:
            np.testing.assert_array_equal(rows, kept[place])
