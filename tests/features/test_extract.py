import copy
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import torch
from PIL import Image

from polyscale.data import LabelledImages, read_image
from polyscale.features import (
    DamagedFeaturesWarning,
    FeatureStore,
    LostFeaturesError,
    decode_side,
    extract,
    extract_maps,
    extract_pooled,
    weights_hash,
)
from polyscale.operator.multiscale import MultiScale
from polyscale.types import silent


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    pictures = [
        Image.fromarray(generator.integers(0, 255, (40 + i, 50, 3), dtype=np.uint8))
        for i in range(7)
    ]
    ids = tuple(f"{i}.png" for i in range(7))

    def read(index, min_side=None):
        return pictures[index]

    return LabelledImages(ids, np.arange(7) % 2, read, "fingerprint")


@pytest.fixture
def run(images, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "SHARD", 3)

    def run(module, images=images, progress=silent):
        return extract_pooled(
            module,
            images,
            store=FeatureStore(tmp_path),
            weights=weights_hash(module.backbone),
            step="step",
            progress=progress,
        )

    return run


@pytest.fixture
def counted(tiny_backbone):
    """A backbone that counts the tiles it has seen."""
    backbone = tiny_backbone()
    backbone.tiles = 0

    def count(_, args):
        backbone.tiles += len(args[0])

    backbone.register_forward_pre_hook(count)
    return backbone


@pytest.mark.parametrize("source", ["native", "base"])
def test_features_are_those_of_the_operator(run, images, counted, source):
    module = MultiScale(counted, (1, 2), tile_batch=16, source=source)
    features = run(module)
    for i in range(7):
        with torch.no_grad():
            expected = module(module.preprocess([images.read(i)]))
        for scale, level in zip((1, 2), expected.scales, strict=True):
            np.testing.assert_allclose(features[scale][i], level.pooled[0], atol=1e-5)


def test_nothing_is_computed_twice(run, counted):
    run(MultiScale(counted, (1, 2), tile_batch=16))
    assert counted.tiles == 7 * 5
    run(MultiScale(counted, (1, 2), tile_batch=16))
    assert counted.tiles == 7 * 5
    run(MultiScale(counted, (1, 2, 3), tile_batch=16))
    assert counted.tiles == 7 * 14


def test_an_interrupted_run_goes_on_where_it_stopped(run, counted):
    class Stopped(BaseException):
        pass

    def stop(step, done, total, unit):
        if done >= 2 * 3 * 5:
            raise Stopped

    whole = run(MultiScale(counted, (2, 1), tile_batch=16))
    counted.tiles = 0
    with torch.no_grad():
        next(counted.parameters()).add_(1)
    with pytest.raises(Stopped):
        run(MultiScale(counted, (1, 2), tile_batch=16), progress=stop)
    seen = counted.tiles
    assert 0 < seen < 7 * 5
    features = run(MultiScale(counted, (1, 2), tile_batch=16))
    assert counted.tiles == 7 * 5
    assert not np.allclose(features[1], whole[1])


def test_changed_weights_images_and_settings_are_computed_anew(run, images, counted):
    module = MultiScale(counted, (1,), tile_batch=16)
    run(module)
    changes = [
        lambda: run(MultiScale(counted, (1,), tile_batch=16, source="base")),
        lambda: run(MultiScale(counted, (1,), tile_batch=16, dtype="bf16")),
        lambda: run(module, LabelledImages(images.ids, images.labels, images.read, "other")),
        lambda: (next(counted.parameters()).data.add_(1), run(module)),
    ]
    for number, change in enumerate(changes, start=2):
        change()
        assert counted.tiles == 7 * number


def test_progress_ends_at_the_total(run, counted):
    seen = []
    run(MultiScale(counted, (1, 2), tile_batch=16), progress=lambda *told: seen.append(told))
    assert [done for _, done, _, _ in seen] == [0, 15, 30, 35]
    assert {total for _, _, total, _ in seen} == {35}


@pytest.fixture(params=[extract_pooled, extract_maps])
def run_any(request, images, monkeypatch):
    """Either extraction, as arrays by scale; each call is a run of its own."""
    monkeypatch.setattr(extract, "SHARD", 3)

    def run(module, cache, *, limit_bytes=None, progress=silent):
        features = request.param(
            module,
            images,
            store=FeatureStore(cache, limit_bytes=limit_bytes),
            weights=weights_hash(module.backbone),
            step="step",
            progress=progress,
        )
        if request.param is extract_pooled:
            return features
        return {scale: maps.take(np.arange(len(images))) for scale, maps in features.items()}

    return run


def assert_equal(features, expected):
    assert features.keys() == expected.keys()
    for scale, array in expected.items():
        np.testing.assert_array_equal(features[scale], array)


@pytest.mark.parametrize("kind", ["bit", "swapped ranges", "swapped scales", "cut", "folder"])
def test_damaged_features_are_computed_again(run_any, counted, tmp_path, kind):
    module = MultiScale(counted, (1, 2), tile_batch=16)
    expected = run_any(module, tmp_path)
    first, second = sorted(tmp_path.iterdir())
    file, other = first / "00000000-00000003.rows", first / "00000003-00000006.rows"
    content = bytearray(file.read_bytes())
    if kind == "bit":
        content[200] ^= 1
        file.write_bytes(content)
    elif kind == "swapped ranges":
        file.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif kind == "swapped scales":
        file.write_bytes((second / file.name).read_bytes())
    elif kind == "cut":
        file.write_bytes(content[:-4])
    else:
        file.unlink()
        file.mkdir()
    counted.tiles = 0
    with pytest.warns(DamagedFeaturesWarning, match="computed again"):
        assert_equal(run_any(module, tmp_path), expected)
    assert 0 < counted.tiles <= 6 * 4
    counted.tiles = 0
    assert_equal(run_any(module, tmp_path), expected)
    assert counted.tiles == 0


def test_features_without_checksums_are_not_computed_again(run_any, counted, tmp_path):
    module = MultiScale(counted, (1, 2), tile_batch=16)
    expected = run_any(module, tmp_path)
    for file in list(tmp_path.rglob("*.rows")):
        with file.open("rb") as opened:
            np.save(file.with_suffix(".npy"), np.load(opened))
        file.unlink()
    counted.tiles = 0
    assert_equal(run_any(module, tmp_path), expected)
    assert counted.tiles == 0
    assert {file.suffix for file in tmp_path.rglob("*.*")} == {".rows", ".txt"}


@pytest.mark.parametrize("limit_bytes", [None, 2000])
def test_runs_may_share_a_cache(run_any, tiny_backbone, tmp_path, limit_bytes):
    """Each makes room as if it were alone, and gives its own features whatever the other does."""
    modules = [MultiScale(tiny_backbone(dim=dim), (1, 2), tile_batch=16) for dim in (6, 6, 12)]
    modules[1] = copy.deepcopy(modules[0])  # the same features, computed twice at once
    expected = [run_any(module, tmp_path / f"{i}") for i, module in enumerate(modules)]

    def run(number):
        return run_any(modules[number], tmp_path / "shared", limit_bytes=limit_bytes)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            for number, future in enumerate([pool.submit(run, number) for number in range(3)]):
                # maps with which another run made room are an error
                with suppress(*([LostFeaturesError] if limit_bytes else [])):
                    features = future.result()
                    for scale, array in expected[number].items():
                        np.testing.assert_allclose(features[scale], array, rtol=1e-3, atol=1e-5)


def test_a_cache_that_is_deleted_under_a_run(run_any, tiny_backbone, tmp_path):
    cache = tmp_path / "cache"
    module = MultiScale(tiny_backbone(), (1, 2), tile_batch=16)
    expected = run_any(module, tmp_path / "whole")

    def delete(step, done, total, unit):
        shutil.rmtree(cache, ignore_errors=True)

    try:
        assert_equal(run_any(module, cache, limit_bytes=10**6, progress=delete), expected)
    except LostFeaturesError as error:  # pooled features are in memory, maps are not
        assert "Run the same again" in str(error)  # noqa: PT017
    assert_equal(run_any(module, cache), expected)


def test_weights_hash(tiny_backbone):
    backbone = tiny_backbone()
    before = weights_hash(backbone)
    assert weights_hash(backbone) == before
    with torch.no_grad():
        next(backbone.parameters())[0, 0, 0, 0] += 1e-3
    assert weights_hash(backbone) != before


@pytest.fixture
def large_jpegs():
    """Photographs large enough to be decoded at a part of their size."""
    generator = np.random.default_rng(0)
    contents = []
    for _ in range(3):
        small = Image.fromarray(generator.integers(0, 255, (30, 40, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        small.resize((1024, 768), Image.Resampling.BICUBIC).save(buffer, "JPEG")
        contents.append(buffer.getvalue())
    sides = []

    def read(index, min_side=None):
        image = read_image(contents[index], name="x", min_side=min_side)
        sides.append((min_side, image.size))
        return image

    ids = tuple(f"{i}.jpg" for i in range(3))
    return LabelledImages(ids, np.arange(3), read, "jpegs"), sides


def test_a_scale_is_the_same_beside_any_others(large_jpegs, tiny_backbone, tmp_path):
    images, _ = large_jpegs

    def features(scales, store):
        module = MultiScale(tiny_backbone_, scales, tile_batch=16)
        return extract_pooled(
            module, images, store=FeatureStore(store), weights="", step="", progress=silent
        )

    tiny_backbone_ = tiny_backbone()
    together = features((1, 2, 3), tmp_path / "a")
    for scale in (1, 2, 3):
        alone = features((scale,), tmp_path / f"{scale}")
        np.testing.assert_allclose(alone[scale], together[scale], rtol=1e-5, atol=1e-6)


def test_images_are_decoded_once_for_neighbouring_scales_and_no_larger_than_needed(
    large_jpegs, tiny_backbone, tmp_path
):
    images, sides = large_jpegs
    for scales, expected in {
        (1, 2): [(64, (256, 192))] * 3,  # 2 × 32 px, at least twice as large: a quarter
        (2.5, 3, 4): [(128, (512, 384))] * 3,
        (1, 3): [(64, (256, 192))] * 3 + [(128, (512, 384))] * 3,
    }.items():
        sides.clear()
        module = MultiScale(tiny_backbone(), scales, tile_batch=16)
        extract_pooled(
            module,
            images,
            store=FeatureStore(tmp_path / str(scales)),
            weights="",
            step="",
            progress=silent,
        )
        assert sorted(sides) == expected


def test_the_base_source_needs_no_more_than_one_tile(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 4), source="base")
    assert {decode_side(module, level) for level in module.plan.levels} == {32}
