import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from polyscale.features import FeatureStore, files, temporary_folder, whole_file

OWNER = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from files import temporary_folder, whole_file  # alone, without torch

folder = Path(sys.argv[2])
with whole_file(folder / sys.argv[3] / "rows") as partial, temporary_folder(folder, ".out-") as own:
    partial.write_bytes(b"half of it")
    (own / "results").write_bytes(b"half of it")
    print("ready", flush=True)
    sys.stdin.read()
"""

KEY = FeatureStore.key({})


@pytest.fixture
def owner(tmp_path):
    """Another process, in the middle of writing a file and a folder."""
    command = [sys.executable, "-c", OWNER, str(Path(files.__file__).parent), str(tmp_path), KEY]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def leftovers(folder):
    partial = len(list((folder / KEY).glob("*.partial")))
    return partial, len([path for path in folder.iterdir() if path.name.startswith(".out-")])


def look_around(folder):
    """What the next run does in the same folders."""
    FeatureStore(folder).has(KEY, 0, 1, (1,))
    with temporary_folder(folder, ".out-"):
        assert leftovers(folder)[1] >= 1
    return leftovers(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks")
def test_what_a_killed_run_leaves_is_removed_by_the_next_but_not_what_is_in_use(tmp_path, owner):
    assert look_around(tmp_path) == (1, 1)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert leftovers(tmp_path) == (1, 1)
    assert look_around(tmp_path) == (0, 0)


def test_what_is_in_use_ends_well_beside_other_runs(tmp_path, owner):
    look_around(tmp_path)
    owner.communicate(b"")
    assert owner.returncode == 0
    assert (tmp_path / KEY / "rows").read_bytes() == b"half of it"
    assert leftovers(tmp_path) == (0, 0)


def test_folders_of_others_stay(tmp_path):
    for name in (".out-mine", ".out-polyscale-longer-than-ours", ".other-polyscale-12345678"):
        (tmp_path / name).mkdir()
    (tmp_path / ".out-polyscale-12345678" / "results").mkdir(parents=True)
    with temporary_folder(tmp_path, ".out-") as folder:
        (folder / "results").write_bytes(b"x")
    assert not list(tmp_path.glob("*-12345678/results"))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_prefix_is_taken_as_it_is(tmp_path):
    (tmp_path / ".photos-polyscale-12345678").mkdir()
    with temporary_folder(tmp_path, ".*-"):
        pass
    assert (tmp_path / ".photos-polyscale-12345678").is_dir()


def test_many_writers_and_cleaners(tmp_path):
    """No writer loses its file, whenever others look for leftovers."""
    stop = threading.Event()

    def clean():
        while not stop.is_set():
            FeatureStore(tmp_path).has(KEY, 0, 1, (1,))

    cleaners = [threading.Thread(target=clean) for _ in range(2)]
    for thread in cleaners:
        thread.start()
    try:
        for number in range(200):
            with whole_file(tmp_path / KEY / f"{number}") as partial:
                partial.write_bytes(b"x")
    finally:
        stop.set()
        for thread in cleaners:
            thread.join()
    assert len(list((tmp_path / KEY).iterdir())) == 200


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_others_may_read_a_file_as_far_as_the_umask_lets_them(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from polyscale.features import whole_file\n"
        "os.umask(int(sys.argv[2], 8))\n"
        "with whole_file(Path(sys.argv[1])) as file: file.write_text('x')"
    )
    for umask, mode in (("022", 0o644), ("077", 0o600)):
        file = tmp_path / umask
        subprocess.run([sys.executable, "-c", script, str(file), umask], check=True)
        assert file.stat().st_mode & 0o777 == mode
