import resource
import signal

import pytest
import torch

from polyscale.errors import RunError
from polyscale.heads.dense.tensor_file import read_tensors, write_tensors


def test_words_and_tensors_come_back(tmp_path):
    file = tmp_path / "new" / "file"
    shared = torch.randn(3, 4)
    tensors = {"a": shared, "b": shared.T, "c": torch.tensor(7)}
    write_tensors(file, tensors, "kind", {"scales": [1, 2.5], "name": "é"}, what="a head")
    words, found = read_tensors(file, "kind", what="a head")
    assert words == {"scales": [1, 2.5], "name": "é"}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert read_tensors(file, "other", what="a head")[0] is None


def test_a_full_disk_leaves_what_was_there(tmp_path):
    file = tmp_path / "file"
    write_tensors(file, {"a": torch.zeros(2)}, "kind", {}, what="a head")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(RunError, match="a head cannot be written to .*Make room"):
            write_tensors(file, {"a": torch.ones(10_000)}, "kind", {}, what="a head")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == [file]
    assert torch.equal(read_tensors(file, "kind", what="a head")[1]["a"], torch.zeros(2))
