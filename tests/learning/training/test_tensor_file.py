import resource
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from polyscale.errors import RunError
from polyscale.learning.training import read_tensors, write_tensors


def test_words_and_tensors_come_back(tmp_path):
    file = tmp_path / "new" / "file"
    shared = torch.randn(3, 4)
    tensors = {"a": shared, "b": shared.T, "c": torch.tensor(7)}
    write_tensors(file, tensors, "kind", {"scales": [1, 2.5], "name": "é"}, what="a head")
    about, found, has_checksum = read_tensors(file, "kind", what="a head")
    assert about == {"scales": [1, 2.5], "name": "é"}
    assert has_checksum
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_a_file_of_another_kind_or_without_a_checksum_is_told(tmp_path):
    file = tmp_path / "file"
    save_file({"a": torch.zeros(2)}, file, {"kind": "[1]"})
    assert read_tensors(file, "kind", what="a head")[::2] == ([1], False)
    assert read_tensors(file, "other", what="a head").about is None


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float64, torch.bool, torch.int64]
)
def test_every_bit_counts_in_every_type(tmp_path, dtype):
    file = tmp_path / "file"
    tensors = {"a": torch.ones(3, 2).to(dtype), "b": torch.zeros(()).to(dtype)}
    write_tensors(file, tensors | {"none": torch.zeros(0, 4)}, "kind", {}, what="a head")
    good = file.read_bytes()
    start = 8 + int.from_bytes(good[:8], "little")
    for at in range(start, len(good)):
        bad = bytearray(good)
        bad[at] ^= 1
        file.write_bytes(bad)
        with pytest.raises(ValueError, match="checksum does not match"):
            read_tensors(file, "kind", what="a head")


@pytest.mark.parametrize("change", ["rename", "reshape", "swap"])
def test_names_and_shapes_count(tmp_path, change):
    file = tmp_path / "file"
    tensors = {"a": torch.zeros(2, 3), "b": torch.ones(2, 3)}
    write_tensors(file, tensors, "kind", {"x": 1}, what="a head")
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    other = {
        "rename": {"a": tensors["a"], "c": tensors["b"]},
        "reshape": {"a": torch.zeros(3, 2), "b": tensors["b"]},
        "swap": {"a": tensors["b"], "b": tensors["a"]},
    }[change]
    save_file(other, file, metadata)
    with pytest.raises(ValueError, match="checksum does not match"):
        read_tensors(file, "kind", what="a head")


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
    assert torch.equal(read_tensors(file, "kind", what="a head").tensors["a"], torch.zeros(2))
