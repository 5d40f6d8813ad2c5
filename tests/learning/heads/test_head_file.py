import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from polyscale.errors import InputError, RunError
from polyscale.learning.heads.dense.registry import DEPTH_HEADS, SEGMENTATION_HEADS, HeadKind
from polyscale.learning.heads.head_file import (
    POOLED_HEADS,
    check_candidate,
    check_fits,
    load_head,
    save_head,
)
from polyscale.learning.heads.linear_head import LinearHead
from polyscale.learning.training import write_tensors

FACTS = {
    "task": "segmentation",
    "backbone": "pip:dinov2_small",
    "weights_hash": "12ab",
    "scales": [1.0, 2.0],
    "class_names": ["wall", "été"],
    "miou": 0.5,
}

RANGE_M = {"min_depth_m": 0.1, "max_depth_m": 10.0}


@pytest.fixture
def kinds(toy):
    return lambda task: {"toy": HeadKind(make=toy.ToyHead, training=toy.SETTINGS, about="")}


@pytest.fixture
def saved(toy, tmp_path):
    head = toy.head()
    head(torch.randn(4, 5, 3, 3))  # moves the buffers of its batch norm
    save_head(tmp_path / "1.safetensors", head, name="toy", facts=FACTS)
    return tmp_path / "1.safetensors", head.eval()


def about(file):
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["polyscale_head"])


def rewrite(file, tensors=None, **words):
    """The same file with other words or tensors, and a checksum that is right."""
    tensors = tensors or load_file(file)
    write_tensors(file, tensors, "polyscale_head", about(file) | words, what="a head")


def test_a_head_comes_back(saved, kinds):
    file, head = saved
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    loaded = load_head(file, kinds)
    assert torch.equal(torch.rand(1), expected)
    maps = torch.randn(2, 5, 3, 3)
    assert torch.equal(loaded.head.scores(maps, (7, 9)), head.scores(maps, (7, 9)))
    assert (loaded.name, loaded.facts) == ("toy", FACTS)
    assert loaded.head.config == loaded.config == head.config
    assert not loaded.head.training


def test_tied_weights_come_back(toy, tmp_path):
    class Tied(toy.ToyHead):
        def __init__(self, **config):
            super().__init__(**config)
            self.again = self.classify

    save_head(tmp_path / "h", Tied(in_channels=2, num_classes=2), name="tied", facts=FACTS)
    kind = HeadKind(make=Tied, training=None, about="")
    loaded = load_head(tmp_path / "h", lambda task: {"tied": kind})
    assert loaded.head.again is loaded.head.classify


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "toi"}, "one of toy, but got 'toi'. Did you mean 'toy'"),
        ({"format": 3}, "format 2, but got 3.*later one"),
        ({"config": {"in_channels": 5, "num_classes": 3, "width": 2}}, "unexpected.*'width'"),
        ({"config": {"num_classes": 3}}, "missing.*'in_channels'"),
        ({"config": {"in_channels": -5, "num_classes": 3}}, "configuration of toy"),
        (
            {"config": {"in_channels": 6, "num_classes": 3}},
            "classify.weight is .3, 5, 1, 1., not .3, 6",
        ),
        ({"config": None}, "must have a config"),
    ],
)
def test_words_that_do_not_fit(saved, kinds, words, told):
    rewrite(saved[0], **words)
    with pytest.raises(InputError, match=told):
        load_head(saved[0], kinds)


def test_weights_that_do_not_fit(saved, kinds):
    tensors = load_file(saved[0])
    rewrite(saved[0], {n: t for n, t in tensors.items() if n != "norm.bias"})
    with pytest.raises(InputError, match="norm.bias is None, not .5"):
        load_head(saved[0], kinds)
    rewrite(saved[0], tensors | {"more": torch.zeros(())})
    with pytest.raises(InputError, match="more is .., not None"):
        load_head(saved[0], kinds)
    rewrite(saved[0], tensors | {"norm.bias": torch.full((5,), float("nan"))})
    with pytest.raises(InputError, match="norm.bias has NaN or infinity"):
        load_head(saved[0], kinds)


@pytest.mark.parametrize("name", SEGMENTATION_HEADS | DEPTH_HEADS)
def test_a_configuration_that_claims_too_much_takes_no_memory(saved, name):
    file, _ = saved
    heads = SEGMENTATION_HEADS if name in SEGMENTATION_HEADS else DEPTH_HEADS
    config = {"in_channels": 10**11}
    config |= {"num_classes": 3} if heads is SEGMENTATION_HEADS else RANGE_M
    config |= {"num_rows": 9} if name == "knn" else {}
    rewrite(file, name=name, config=config)
    with pytest.raises(InputError, match="must hold the weights of its configuration, but"):
        load_head(file, lambda task: heads)


@pytest.mark.parametrize("task", [None, ["depth"]])
def test_a_task_without_a_name(saved, kinds, task):
    rewrite(saved[0], facts={"task": task})
    with pytest.raises(InputError, match="must name its task, but got"):
        load_head(saved[0], kinds)


def test_heads_are_those_of_the_task(saved, kinds, tmp_path):
    def kinds_of(task):
        return {"counting": POOLED_HEADS, "segmentation": kinds(task)}[task]

    head = LinearHead.of(np.eye(2, 3), np.array([0.5, -1]))
    save_head(tmp_path / "pooled", head, name="linear", facts={"task": "counting"})
    loaded = load_head(tmp_path / "pooled", kinds_of)
    features = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(loaded.head.scores(features), head.scores(features))
    assert load_head(saved[0], kinds_of).name == "toy"
    rewrite(saved[0], facts={"task": "counting"})
    with pytest.raises(InputError, match="must be one of linear, but got 'toy'"):
        load_head(saved[0], kinds_of)


def test_a_file_from_before_there_were_checksums_loads(saved, kinds):
    file, head = saved
    old = json.dumps(about(file) | {"format": 1})
    save_file(load_file(file), file, {"polyscale_head": old})
    maps = torch.randn(2, 5, 3, 3)
    loaded = load_head(file, kinds)
    assert torch.equal(loaded.head.scores(maps, (7, 9)), head.scores(maps, (7, 9)))
    new = json.dumps(about(file) | {"format": 2})
    save_file(load_file(file), file, {"polyscale_head": new})
    with pytest.raises(InputError, match="must have a checksum, but it has none.*damaged"):
        load_head(file, kinds)


@pytest.mark.parametrize("kind", ["bit", "zeros", "swap"])
def test_random_damage_is_always_found(saved, kinds, kind):
    """Flipped bits, zeroed bytes, and two blocks in each other's place."""
    file, _ = saved
    good = file.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(80):
        bad = bytearray(good)
        at, other = (int(n) for n in generator.integers(0, len(good) - 8, 2))
        if kind == "bit":
            bad[at] ^= 1 << int(generator.integers(8))
        elif kind == "zeros":
            bad[at : at + 8] = bytes(8)
        else:
            bad[at : at + 8], bad[other : other + 8] = good[other : other + 8], good[at : at + 8]
        file.write_bytes(bad)
        if bytes(bad) != good:
            with pytest.raises(InputError, match="head"):
                load_head(file, kinds)
    file.write_bytes(good)
    load_head(file, kinds)


def test_damaged_weights_are_told(saved, kinds):
    file, _ = saved
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="whole.*checksum does not match its content.*Take a file"):
        load_head(file, kinds)


def test_files_that_are_no_heads(saved, kinds, tmp_path):
    file, head = saved
    with pytest.raises(InputError, match="there is no"):
        load_head(tmp_path / "none", kinds)
    with pytest.raises(InputError, match="is a folder. Name a file in it"):
        load_head(tmp_path, kinds)
    torch.save(head.state_dict(), tmp_path / "pickle")
    with pytest.raises(InputError, match="whole safetensors file"):
        load_head(tmp_path / "pickle", kinds)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="whole safetensors file"):
        load_head(file, kinds)
    for metadata in (None, {"polyscale_head": "[1]"}):
        save_file({"weight": torch.zeros(2)}, tmp_path / "other", metadata)
        with pytest.raises(InputError, match="a head of polyscale.*other weights"):
            load_head(tmp_path / "other", kinds)
    save_file({"weight": torch.zeros(2)}, tmp_path / "other", {"polyscale_head": "{"})
    with pytest.raises(InputError, match="whole safetensors file"):
        load_head(tmp_path / "other", kinds)


def test_a_disk_that_refuses(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="head cannot be written"):
        save_head(tmp_path / "file" / "1", toy.head(), name="toy", facts={})


def test_a_head_of_other_features_is_refused(saved, kinds):
    loaded = load_head(saved[0], kinds)
    right = {
        "channels": 5,
        "weights_hash": "12ab",
        "backbone": "pip:dinov2_small",
        "scales": [1, 2],
    }
    check_fits(loaded, **right)
    wrong = {"channels": 7, "weights_hash": "ff", "backbone": "timm:x", "scales": [1, 3]}
    for name, value in wrong.items():
        with pytest.raises(InputError, match=f"other features: {name} .*, not .*Choose the file"):
            check_fits(loaded, **right | {name: value})


def test_the_head_of_another_candidate_is_refused(saved, kinds, toy, tmp_path):
    check_candidate(load_head(saved[0], kinds), "net@1")  # the file names none
    save_head(tmp_path / "2", toy.head(), name="toy", facts=FACTS | {"candidate": "net@1,2"})
    check_candidate(load_head(tmp_path / "2", kinds), "net@1,2")
    with pytest.raises(InputError, match="must belong to net@1, .* it belongs to net@1,2"):
        check_candidate(load_head(tmp_path / "2", kinds), "net@1")
