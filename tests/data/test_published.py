import csv
import re
from io import StringIO
from math import ceil

import pytest

from polyscale.data.published import TABLES, load_paper, paper_csv
from polyscale.errors import InputError
from polyscale.operator.cost import vit_macs

# width, depth, patch size, ratio of the MLP; DINOv2's gated MLP of 4096 counts as ratio 4
VITS = {
    "ViT-B/16": (768, 12, 16, 4),
    "ViT-L/16": (1024, 24, 16, 4),
    "ViT-B/14": (768, 12, 14, 4),
    "ViT-L/14": (1024, 24, 14, 4),
    "ViT-H/14": (1280, 32, 14, 4),
    "DINOv2 ViT-g/14": (1536, 40, 14, 4),
    "OpenCLIP ViT-g/14": (1408, 40, 14, 6144 / 1408),
}
PRODUCTS = {"both attention products": 2, "one of the two": 1, "no attention product": 0}


def vit_of(row):
    return VITS.get(row.model) or VITS[f"{row.family} {row.model}"]


def num_tiles(row):
    return sum(ceil(size / row.tile_px) ** 2 for size in row.sizes_px)


def counted(row, products=2):
    """10⁹ multiply-adds with so many of the two attention products."""
    dim, depth, patch_px, ratio = vit_of(row)
    tile = vit_macs(
        dim=dim, depth=depth, patch_px=patch_px, tile_hw=(row.tile_px,) * 2, mlp_ratio=ratio
    )
    tokens = (row.tile_px // patch_px) ** 2 + 1
    return num_tiles(row) * (tile - (2 - products) * depth * tokens**2 * dim) / 1e9


def row_id(row):
    return f"{row.table} {row.family} {row.model} {row.sizes_px}"


COSTED = [row for row in load_paper() if row.gmacs is not None]


def test_counts_are_the_closed_forms():
    assert len(COSTED) == 17 + 15 + 16 + 3
    for row in COSTED:
        assert row.gmacs == pytest.approx(counted(row), abs=0.006), row


@pytest.mark.parametrize("row", [r for r in COSTED if r.printed_gflops], ids=row_id)
def test_notes_on_printed_costs_are_true(row):
    """Each note names the way of counting that gives the printed figure, or says that none does."""
    said = next((n for text, n in PRODUCTS.items() if text in row.note), None)
    fitting = [
        n for n in (0, 1, 2) if row.printed_gflops == pytest.approx(counted(row, n), rel=0.004)
    ]
    assert fitting == ([] if said is None else [said])
    assert ("matches no way of counting" in row.note) == (said is None)


def test_parameters_are_those_of_the_blocks():
    for row in COSTED:
        dim, depth, _, ratio = vit_of(row)
        blocks = depth * (4 + 2 * ratio) * dim**2 / 1e6
        # patches, positions, biases and projections make up the rest
        assert blocks < row.params_m < 1.03 * blocks + 1.5, row


def test_scales_are_sizes_over_the_tile():
    for row in load_paper():
        if row.tile_px:
            assert row.scales == tuple(size / row.tile_px for size in row.sizes_px)
        if row.method.startswith("s2") and row.scales:
            assert len(row.scales) > 1


def test_rows_are_told_apart():
    keys = [
        (r.table, r.family, r.model, r.method, r.scales, r.task, r.metric, r.note)
        for r in load_paper()
    ]
    assert len(set(keys)) == len(keys)


def test_two_scales_cost_more_than_the_larger_model_and_are_slower():
    rows = load_paper("classification")
    base = next(r for r in rows if r.model == "ViT-B/16" and r.scales == (1, 2))
    large = next(r for r in rows if r.model == "ViT-L/16")
    assert base.printed_gflops / large.printed_gflops == pytest.approx(1.43, abs=0.005)
    fast = {(r.model, len(r.scales)): r.images_per_s for r in rows if r.family == "DINOv2"}
    assert fast["ViT-B/14", 2] / fast["ViT-L/14", 1] == pytest.approx(0.72, abs=0.005)


def test_csv_holds_every_row_under_one_header():
    lines = list(csv.DictReader(StringIO(paper_csv())))
    assert [line["table"] for line in lines] == [row.table for row in load_paper()]
    assert {line["table"] for line in lines} == set(TABLES)
    assert list(csv.DictReader(StringIO(paper_csv("robot")))) == [
        line for line in lines if line["table"] == "robot"
    ]
    empty = [row for row in load_paper() if row.value is None]
    assert [row.note for row in empty] == ["out of memory"]


def test_unknown_table():
    with pytest.raises(InputError, match=re.escape("Did you mean 'classification'")):
        load_paper("clasification")
