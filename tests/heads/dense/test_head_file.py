import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from polyscale.errors import InputError, RunError
from polyscale.heads.dense.head_file import check_fits, load_head, save_head
from polyscale.heads.dense.registry import DEPTH_HEADS, SEGMENTATION_HEADS, HeadKind

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
    return {"toy": HeadKind(make=toy.ToyHead, training=toy.SETTINGS, about="")}


@pytest.fixture
def saved(toy, tmp_path):
    head = toy.head()
    head(torch.randn(4, 5, 3, 3))  # moves the buffers of its batch norm
    save_head(tmp_path / "1.safetensors", head, name="toy", facts=FACTS)
    return tmp_path / "1.safetensors", head.eval()


def rewrite(file, tensors=None, **words):
    """The same file with other words or tensors."""
    own = tensors or load_file(file)
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    told = json.loads(header["__metadata__"]["polyscale_head"]) | words
    save_file(own, file, {"polyscale_head": json.dumps(told)})


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

    save_head(tmp_path / "h", Tied(in_channels=2, num_classes=2), name="tied", facts={})
    loaded = load_head(tmp_path / "h", {"tied": HeadKind(make=Tied, training=None, about="")})
    assert loaded.head.again is loaded.head.classify


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "toi"}, "one of toy, but got 'toi'. Did you mean 'toy'"),
        ({"format": 2}, "format 1, but got 2.*later one"),
        ({"config": {"in_channels": 5, "num_classes": 3, "width": 2}}, "unexpected.*'width'"),
        ({"config": {"num_classes": 3}}, "missing.*'in_channels'"),
        ({"config": {"in_channels": -5, "num_classes": 3}}, "configuration of toy"),
        ({"config": {"in_channels": 6, "num_classes": 3}}, "classify.weight is 3×5×1×1, not 3×6"),
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
    with pytest.raises(InputError, match="norm.bias is absent, not 5"):
        load_head(saved[0], kinds)
    rewrite(saved[0], tensors | {"more": torch.zeros(())})
    with pytest.raises(InputError, match="more is one number, not absent"):
        load_head(saved[0], kinds)
    rewrite(saved[0], tensors | {"norm.bias": torch.full((5,), float("nan"))})
    with pytest.raises(InputError, match="norm.bias has NaN or infinity"):
        load_head(saved[0], kinds)


@pytest.mark.parametrize("name", SEGMENTATION_HEADS | DEPTH_HEADS)
def test_a_configuration_that_claims_too_much_takes_no_memory(saved, name):
    file, _ = saved
    config = {"in_channels": 10**11}
    task = "segmentation" if name in SEGMENTATION_HEADS else "depth"
    config |= {"num_classes": 3} if name in SEGMENTATION_HEADS else RANGE_M
    config |= {"num_rows": 9} if name == "knn" else {}
    rewrite(file, name=name, config=config, facts=FACTS | {"task": task})
    with pytest.raises(InputError, match="must hold the weights of its configuration, but"):
        load_head(file)


@pytest.mark.parametrize("task", [None, "detection", ["depth"]])
def test_a_task_that_is_not_known(saved, task):
    rewrite(saved[0], facts={"task": task})
    with pytest.raises(InputError, match="segmentation or depth, but got task"):
        load_head(saved[0])


def test_files_that_are_no_heads(saved, kinds, tmp_path):
    file, head = saved
    with pytest.raises(InputError, match="there is no"):
        load_head(tmp_path / "none", kinds)
    with pytest.raises(InputError, match="whole safetensors file"):
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
        "scales": (1, 2),
    }
    check_fits(loaded, **right)
    check_fits(loaded, **{k: v for k, v in right.items() if k != "scales"})
    wrong = {"channels": 7, "weights_hash": "ff", "backbone": "timm:x", "scales": (1, 3)}
    for name, value in wrong.items():
        with pytest.raises(InputError, match=f"other features: {name} .*, not .*Choose the file"):
            check_fits(loaded, **right | {name: value})
