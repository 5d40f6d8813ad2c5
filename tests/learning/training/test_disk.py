import os
import resource
import signal

import pytest
import torch
from safetensors.torch import save_file

from polyscale.errors import RunError
from polyscale.learning.training import room_for


@pytest.fixture
def full_disk():
    """Files cannot become larger than a few bytes."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.skipif(os.name == "nt", reason="has no such limit")
@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.write_bytes(bytes(1000)),
        lambda file: torch.save(torch.zeros(1000), file),
        lambda file: save_file({"a": torch.zeros(1000)}, file),
    ],
    ids=["file", "torch", "safetensors"],
)
def test_a_full_disk_is_one_line_whoever_writes(full_disk, write, tmp_path):
    told = r"out 'mine' cannot be written \(.*\). Make room"
    with pytest.raises(RunError, match=told), room_for(tmp_path, 0, "mine"):
        write(tmp_path / "file")


def test_too_little_room_is_told_before(tmp_path):
    told = "out 'mine' needs 1000000000.0 GB, but only .* are free"
    with pytest.raises(RunError, match=told), room_for(tmp_path, 10**18, "mine"):
        raise AssertionError


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="shapes"), room_for(tmp_path, 0, tmp_path):
        raise RuntimeError("shapes")
