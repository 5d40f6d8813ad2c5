"""A head's file says on what it was trained, or is refused."""

import pytest

from polyscale.errors import InputError
from polyscale.learning.heads.dense import SEGMENTATION_HEADS
from polyscale.learning.heads.dense.head_file import save_head
from polyscale.studies.predict import load_predictor

FACTS = {
    "backbone": "tiny:net",
    "scales": [1],
    "weights_hash": "12ab",
    "source": "native",
    "dtype": "fp32",
    "grid": "base",
    "merge": "concat",
    "split": True,
    "views": {},
}


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"class_names": ["wall"]}, "a name for each of its 2 classes, but has 1"),
        ({}, "does not say on what it was trained .'class_names'"),
        ({"class_names": ["wall", "floor"], "backbone": None}, "source must be"),
        ({"class_names": ["wall", "floor"], "views": []}, "does not say on what it was trained"),
    ],
)
def test_facts_that_do_not_fit(tmp_path, facts, told):
    head = SEGMENTATION_HEADS["linear"].make(in_channels=3, num_classes=2)
    file = tmp_path / "1.safetensors"
    save_head(file, head, name="linear", facts=FACTS | {"task": "segmentation"} | facts)
    with pytest.raises(InputError, match=told):
        load_predictor(file)
