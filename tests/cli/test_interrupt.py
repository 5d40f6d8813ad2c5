"""Ctrl-C in the middle of a comparison, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from time import monotonic

import pytest

SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from polyscale import progress
from polyscale.cli import main
from polyscale.features import extract

prepare, show = extract._prepare, progress._Log.__call__

class SlowImages:
    def __init__(self, images):
        self.images = images
    def read(self, index, *, min_side):
        time.sleep({seconds})
        return self.images.read(index, min_side=min_side)

def tell(self, step, done, total, unit, **more):
    print(unit, done, step, flush=True)
    show(self, step, done, total, unit, **more)

extract._prepare = lambda job, images, readers: prepare(job, SlowImages(images), readers)
progress._Log.__call__ = tell
sys.argv = ["polyscale", "compare", *{arguments}]
main()
"""

pytestmark = pytest.mark.weights

AT_ONCE_S = 15
"""Far below what waiting for images that are being read would take, however busy the machine is."""


@pytest.fixture
def begin(tmp_path):
    """A process that compares, in which every image takes time to read."""
    running = []

    def begin(*arguments, seconds):
        code = SLOW.format(seconds=seconds, arguments=[str(a) for a in arguments])
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def interrupt(process, unit, least):
    """Ctrl-C once so many units are done; then the last words and how long they took."""
    for line in process.stdout:
        said, done, _ = line.split(" ", 2)
        if said == unit and int(done) >= least:
            break
    else:
        pytest.fail(process.stderr.read())
    process.send_signal(signal.SIGINT)
    asked = monotonic()
    _, errors = process.communicate(timeout=60)
    return errors, monotonic() - asked


def data_of(task, image_folder, pairs_folder):
    return f"folder:{image_folder}" if task == "classification" else f"pairs:{pairs_folder}"


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_interrupted_extraction(task, begin, image_folder, pairs_folder, tmp_path):
    out = tmp_path / "out"
    process = begin(
        *("--task", task, "--data", data_of(task, image_folder, pairs_folder), "--out", out),
        *("--candidates", "pip:efficientnet_lite0@1"),
        seconds=30,
    )
    errors, seconds = interrupt(process, "tiles", 0)
    check_interrupted(process, errors, seconds)
    assert not out.exists()


def test_interrupted_training(begin, run, pairs_folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    command = [
        *("--task", "segmentation", "--data", f"pairs:{pairs_folder}", "--out", out),
        *("--candidates", "pip:efficientnet_lite0@1", "--steps"),
    ]
    process = begin(*command, "1000000", seconds=0)
    errors, seconds = interrupt(process, "steps", 1)
    check_interrupted(process, errors, seconds)
    assert not out.exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert run("compare", *command, "10").returncode == 0
    assert len(json.loads((out / "results.json").read_text())) == 1


def check_interrupted(process, errors, seconds):
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "interrupted. Give the same command again to continue."
    assert seconds < AT_ONCE_S
