"""Parity with the reference package, `scaling-on-scales`."""

import pytest
import s2wrapper
import torch

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
@pytest.mark.parametrize("num_prefix", [0, 1, 5])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_tokens_equal_the_reference(case, batch, num_prefix, split_forward, token_model):
    model, images = token_model(num_prefix), torch.randn(batch, 3, 64, 64)
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


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 3, 32, 16), {"scales": [1]}, "square images"),
        ((3, 32, 32), {"scales": [1]}, "square images"),
        ((1, 3, 32, 32), {}, "scales or img_sizes"),
        ((1, 3, 32, 32), {"scales": [1], "output_shape": "bhwc"}, "'bnc' or 'bchw'"),
        (
            (1, 3, 32, 32),
            {"scales": [1], "output_shape": "bchw", "num_prefix_token": 1},
            "must be 0 for maps",
        ),
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
