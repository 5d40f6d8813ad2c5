"""Parity with the reference package `s2wrapper`, and with a twin of its branch `dev_any_shape`."""

import math

import pytest
import s2wrapper
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import polyscale
from polyscale.errors import InputError

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-6, torch.bfloat16: 1e-2}

CASES = {
    "one scale": {"scales": [1]},
    "two scales": {"scales": [1, 2]},
    "three scales": {"scales": [1, 2, 3]},
    "grid of the second": {"scales": [1, 2, 3], "resize_output_to_idx": 1},
    "grid of the last": {"scales": [1, 2], "resize_output_to_idx": -1},
    "large scale first": {"scales": [2, 1]},
    "scale below one": {"scales": [0.5, 1, 2]},
    "tiles of another size": {"scales": [1, 1.5]},
    "sizes": {"img_sizes": [32, 64]},
    "sizes and splits": {"img_sizes": [64, 96], "max_split_size": 32},
    "splits of the base": {"scales": [1, 2], "max_split_size": 32},
}


@pytest.mark.parametrize("split_forward", [False, True])
@pytest.mark.parametrize("num_prefix", [0, 5])
@pytest.mark.parametrize("case", CASES)
def test_tokens_equal_the_reference(case, num_prefix, split_forward, token_model):
    model, images = token_model(num_prefix), torch.randn(2, 3, 64, 64)
    options = CASES[case] | {"num_prefix_token": num_prefix, "split_forward": split_forward}
    with torch.no_grad():
        expected = s2wrapper.forward(model, images, **options)
        result = polyscale.forward(model, images, **options)
    torch.testing.assert_close(result, expected, rtol=0, atol=TOLERANCE[torch.float32])


@pytest.mark.parametrize("split_forward", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_maps_equal_the_reference(case, split_forward):
    model, images = torch.nn.Conv2d(3, 5, 8, 8), torch.randn(2, 3, 64, 64)
    options = CASES[case] | {"output_shape": "bchw", "split_forward": split_forward}
    with torch.no_grad():
        expected = s2wrapper.forward(model, images, **options)
        result = polyscale.forward(model, images, **options)
    assert result.is_contiguous()
    torch.testing.assert_close(result, expected, rtol=0, atol=TOLERANCE[torch.float32])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes(dtype, token_model):
    model, images = token_model(1).to(dtype), torch.randn(2, 3, 64, 64, dtype=dtype)
    options = {"scales": [1, 2, 3], "num_prefix_token": 1}
    with torch.no_grad():
        expected = s2wrapper.forward(model, images, **options)
        result = polyscale.forward(model, images, **options)
    assert result.dtype == dtype
    torch.testing.assert_close(result, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("split_forward", [False, True])
def test_the_model_sees_the_same_tiles_in_the_same_order(split_forward):
    seen = {"theirs": [], "ours": []}

    def recording(name):
        def model(tiles):
            seen[name].append(tiles.clone())
            return tiles

        return model

    images = torch.randn(2, 3, 16, 16)
    options = {"scales": [1, 2, 3], "output_shape": "bchw", "split_forward": split_forward}
    s2wrapper.forward(recording("theirs"), images, **options)
    polyscale.forward(recording("ours"), images, **options)
    assert [len(tiles) for tiles in seen["ours"]] == [len(tiles) for tiles in seen["theirs"]]
    assert torch.equal(torch.cat(seen["ours"]), torch.cat(seen["theirs"]))


def test_gradients_equal_the_reference(token_model):
    model = token_model(1)
    gradients = []
    for forward in (s2wrapper.forward, polyscale.forward):
        images = torch.ones(1, 3, 32, 32).mul_(torch.arange(32)).requires_grad_()
        forward(model, images, scales=[1, 2, 3], num_prefix_token=1).square().sum().backward()
        gradients.append(images.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=1e-3)


random_calls = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@random_calls
@given(
    side=st.sampled_from([8, 16, 24, 40]),
    batch=st.integers(0, 3),
    levels=st.one_of(
        st.fixed_dictionaries(
            {"scales": st.lists(st.sampled_from([0.5, 1, 1.5, 2, 3]), min_size=2, max_size=2)}
        ),
        st.fixed_dictionaries(
            {"img_sizes": st.lists(st.sampled_from([8, 16, 24, 48]), min_size=2, max_size=2)}
        ),
    ),
    max_split_size=st.sampled_from([None, 8, 16]),
    index=st.integers(-2, 1),
    num_prefix=st.integers(0, 2),
    split_forward=st.booleans(),
)
def test_any_call_equals_the_reference(
    side, batch, levels, max_split_size, index, num_prefix, split_forward, token_model
):
    """Also an empty batch, for which both return an empty tensor."""
    model, images = token_model(num_prefix, patch=4), torch.randn(batch, 3, side, side)
    options = {
        **levels,
        "max_split_size": max_split_size,
        "resize_output_to_idx": index,
        "num_prefix_token": num_prefix,
        "split_forward": split_forward,
    }
    with torch.no_grad():
        try:
            expected = s2wrapper.forward(model, images, **options)
        except AssertionError:
            with pytest.raises(InputError, match="must be a whole number of tiles"):
                polyscale.forward(model, images, **options)
            return
        result = polyscale.forward(model, images, **options)
    torch.testing.assert_close(result, expected, rtol=0, atol=TOLERANCE[torch.float32])


def any_shape_twin(model, image, sizes_hw, split, mode, index, num_prefix):
    """The branch `dev_any_shape` for one image and a token model, a tile at a time."""
    scales = []
    for height, width in sizes_hw:
        level = F.interpolate(image[None], (height, width), mode="bicubic")
        rows, columns = math.ceil(height / split), math.ceil(width / split)
        if mode == "pad":
            canvas = torch.zeros(1, 3, rows * split, columns * split)
            canvas[:, :, :height, :width] = level
        else:
            canvas = F.interpolate(level, (rows * split, columns * split), mode="bicubic")
        prefixes, lines = [], []
        for top in range(0, rows * split, split):
            line = []
            for left in range(0, columns * split, split):
                (tokens,) = model(canvas[:, :, top : top + split, left : left + split])
                side = round(math.sqrt(len(tokens) - num_prefix))
                prefixes.append(tokens[:num_prefix])
                line.append(tokens[num_prefix:].reshape(side, side, -1))
            lines.append(torch.cat(line, dim=1))
        cells = torch.cat(lines, dim=0).permute(2, 0, 1)
        if mode == "pad":  # only cells that see some of the level
            cell = split / side
            cells = cells[:, : math.ceil(height / cell), : math.ceil(width / cell)]
        scales.append((torch.stack(prefixes).mean(dim=0), cells))
    grid_hw = scales[index][1].shape[1:]
    # area pooling is the plain mean over the cells that an output cell touches
    maps = [F.adaptive_avg_pool2d(cells, grid_hw).flatten(1).T for _, cells in scales]
    return torch.cat([torch.cat([p for p, _ in scales], 1), torch.cat(maps, 1)])


@random_calls
@given(
    input_hw=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    batch=st.integers(1, 2),
    sizes=st.one_of(
        st.lists(st.tuples(st.integers(5, 50), st.integers(5, 50)), min_size=2, max_size=2),
        st.lists(st.integers(5, 50), min_size=2, max_size=2),
    ),
    split=st.sampled_from([8, 16, 32]),
    mode=st.sampled_from(["resize", "pad"]),
    index=st.integers(-2, 1),
    num_prefix=st.integers(0, 2),
    split_forward=st.booleans(),
)
def test_any_shape_equals_the_twin_of_the_branch(
    input_hw, batch, sizes, split, mode, index, num_prefix, split_forward, token_model
):
    model, images = token_model(num_prefix, patch=4), torch.randn(batch, 3, *input_hw)
    sizes_hw = [size if isinstance(size, tuple) else (size, size) for size in sizes]
    with torch.no_grad():
        expected = torch.stack(
            [
                any_shape_twin(model, image, sizes_hw, split, mode, index, num_prefix)
                for image in images
            ]
        )
        result = polyscale.forward(
            model,
            images,
            img_sizes=sizes,
            max_split_size=split,
            resize_output_to_idx=index,
            num_prefix_token=num_prefix,
            split_forward=split_forward,
            split_mode=mode,
        )
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", [{"img_sizes": [(20, 28), (40, 56)]}, {"scales": [1, 2]}])
def test_other_shapes_are_resized_by_default(sizes, token_model):
    model, images = token_model(0), torch.randn(2, 3, 20, 28)
    options = sizes | {"max_split_size": 16}
    with torch.no_grad():
        result = polyscale.forward(model, images, **options)
        expected = polyscale.forward(model, images, **options, split_mode="resize")
    assert result.shape == (2, 4 * 4, 12)
    assert torch.equal(result, expected)


def test_maps_of_other_shapes():
    options = {"img_sizes": [(20, 28)], "max_split_size": 16, "output_shape": "bchw"}
    images = torch.randn(2, 3, 20, 28, dtype=torch.float64)
    resized, padded = (
        polyscale.forward(lambda tiles: tiles, images, **options, split_mode=mode)
        for mode in ("resize", "pad")
    )
    assert resized.shape == (2, 3, 32, 32)
    torch.testing.assert_close(padded, images, rtol=0, atol=1e-6)  # resized in float32


@pytest.mark.parametrize(
    ("mode", "calls"), [("resize", [(4, 16), (12, 16)]), ("pad", [(4, 16), (12, 16)])]
)
def test_calls_of_other_shapes(mode, calls):
    seen = []

    def model(tiles):
        seen.append((len(tiles), tiles.shape[-1]))
        return tiles

    options = {"img_sizes": [(10, 28), (40, 20)], "max_split_size": 16, "output_shape": "bchw"}
    images = torch.randn(2, 3, 20, 28)
    polyscale.forward(model, images, **options, split_mode=mode)
    assert seen == calls
    seen.clear()
    polyscale.forward(model, images, **options, split_mode=mode, split_forward=True)
    assert seen == [(2, 16)] * 8


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 3, 32, 16), {"scales": [1]}, "max_split_size must be given"),
        ((3, 32, 32), {"scales": [1]}, r"must be images of shape .* but got \(3, 32, 32\)"),
        ((1, 3, 32, 32), {}, "scales or img_sizes must be given"),
        ((1, 3, 32, 32), {"scales": []}, "at least one pixel"),
        ((1, 3, 32, 32), {"scales": [0.001]}, "at least one pixel"),
        ((1, 3, 32, 32), {"img_sizes": [(0, 32)]}, r"at least one pixel, but they give \[\(0, 32"),
        (
            (1, 3, 32, 32),
            {"img_sizes": [34], "max_split_size": 16},
            "34 must be a whole number of tiles, but max_split_size 16 makes 3 × 3",
        ),
        (
            (1, 3, 32, 32),
            {"scales": [1], "max_split_size": -1},
            "max_split_size must be a whole number of at least 1, but got -1",
        ),
        (
            (1, 3, 32, 32),
            {"scales": [1], "output_shape": "bhwc"},
            "output_shape must be one of bnc, bchw",
        ),
        ((1, 3, 32, 32), {"scales": [1], "split_mode": "crop"}, "'resize', 'pad' or None"),
        (
            (1, 3, 32, 32),
            {"scales": [1], "output_shape": "bchw", "num_prefix_token": 1},
            "0 for maps, but got 1",
        ),
        ((1, 3, 32, 32), {"scales": [1], "num_prefix_token": -1}, "at least 0 for tokens"),
        ((1, 3, 32, 32), {"scales": [1], "resize_output_to_idx": 1}, "index of one of the 1"),
        (
            (1, 3, 32, 32),
            {"scales": [1], "num_prefix_token": 2},
            "17 tokens and num_prefix_token is 2",
        ),
        ((1, 3, 32, 32), {"scales": [1], "num_prefix_token": 40}, "must leave a square number"),
    ],
)
def test_errors(shape, options, message, token_model):
    with pytest.raises(InputError, match=message):
        polyscale.forward(token_model(1), torch.randn(shape), **options)
