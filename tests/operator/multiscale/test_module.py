import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import polyscale
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale


def test_shapes_and_views(tiny_backbone):
    features = MultiScale(tiny_backbone(num_prefix=2), (1, 2, 3))(torch.randn(2, 3, 96, 96))
    assert features.map.shape == (2, 18, 4, 4)
    assert features.tokens.shape == (2, 2 + 16, 18)
    assert features.prefix.shape == (2, 2, 18)
    assert features.pooled.shape == (2, 3 * 12)
    assert features.map.data_ptr() == features.tokens[:, 2:].data_ptr()
    assert torch.equal(features.tokens[:, 2:], features.map.flatten(2).transpose(1, 2))


def test_one_scale_is_the_plain_backbone(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(3, 3, 32, 32)
    features, plain = MultiScale(backbone, (1,))(images), backbone(images)
    assert torch.equal(features.map, plain.map)
    assert torch.equal(features.prefix, plain.prefix)
    expected = torch.cat([plain.prefix[:, 0], plain.map.mean((2, 3))], dim=1)
    torch.testing.assert_close(features.pooled, expected)


def test_equals_the_reference_call_on_images_of_base_size(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(2, 3, 32, 32)
    features = MultiScale(backbone, (1, 2, 3))(images)
    expected = polyscale.forward(backbone.model, images, scales=[1, 2, 3], num_prefix_token=1)
    torch.testing.assert_close(features.tokens, expected, rtol=0, atol=1e-6)


@given(
    batch=st.integers(1, 5),
    tile_batch=st.integers(1, 20),
    scales=st.lists(st.sampled_from([1, 1.5, 2, 3]), min_size=1, max_size=3, unique=True),
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the fixture is a class
)
def test_chunks_change_nothing(batch, tile_batch, scales, tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(batch, 3, 50, 40)
    chunks = []
    backbone.register_forward_pre_hook(lambda _, args: chunks.append(len(args[0])))
    whole = MultiScale(backbone, scales, tile_batch=1000)(images).tokens
    chunks.clear()
    module = MultiScale(backbone, scales, tile_batch=tile_batch)
    torch.testing.assert_close(module(images).tokens, whole, rtol=0, atol=1e-6)
    assert sum(chunks) == batch * module.plan.num_tiles
    assert max(chunks) <= tile_batch
    assert max(chunks) - min(chunks) <= 1


def test_a_scale_does_not_depend_on_the_others(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(2, 3, 96, 96)
    together = MultiScale(backbone, (1, 2, 3))(images)
    for scale, level in zip((1, 2, 3), together.scales, strict=True):
        alone = MultiScale(backbone, (scale,))(images)
        torch.testing.assert_close(level.map, alone.map, rtol=0, atol=1e-6)
        torch.testing.assert_close(level.pooled, alone.pooled, rtol=0, atol=1e-6)
    assert torch.equal(together.pooled, torch.cat([level.pooled for level in together.scales], 1))


def test_registers_stay_out_of_the_pooled_vector(tiny_backbone):
    backbone = tiny_backbone(num_prefix=3)
    features = MultiScale(backbone, (1,))(torch.randn(1, 3, 32, 32))
    assert torch.equal(features.pooled[:, :6], features.prefix[:, 0])
    backbone.has_cls = False
    assert MultiScale(backbone, (1,))(torch.randn(1, 3, 32, 32)).pooled.shape == (1, 6)


def test_base_source_adds_no_new_pixels(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(1, 3, 96, 96)
    base = MultiScale(backbone, (1, 2), source="base")
    shrunk = F.interpolate(images, size=(32, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(base(images).tokens, base(shrunk).tokens)
    native = MultiScale(backbone, (1, 2), source="native")
    assert not torch.allclose(native(images).scales[1].map, base(images).scales[1].map)
    torch.testing.assert_close(native(images).scales[0].map, base(images).scales[0].map)


@pytest.mark.parametrize("num_prefix", [0, 1, 3])
@pytest.mark.parametrize("options", [{}, {"merge": "mean"}, {"prefix": "none"}])
def test_widths_of_the_map_and_of_the_pooled_vector(num_prefix, options, tiny_backbone):
    module = MultiScale(tiny_backbone(num_prefix), (1, 2), **options)
    features = module(torch.randn(1, 3, 32, 32))
    assert module.out_channels == features.map.shape[1]
    assert module.pooled_dim == features.pooled.shape[1]


def test_kept_aspect_is_that_of_the_map_too(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2), aspect="keep")
    wide, high = torch.randn(3, 40, 60), torch.randn(3, 60, 40)
    assert module(wide[None]).map.shape == (1, 12, 4, 6)
    assert module(high[None]).map.shape == (1, 12, 6, 4)
    with pytest.raises(InputError, match="images must share an output grid.*output_grid='base'"):
        module([wide, high])
    base = MultiScale(module.backbone, (1, 2), aspect="keep", output_grid="base")
    assert base([wide, high]).map.shape == (2, 12, 4, 4)


def test_images_of_different_sizes_in_one_call(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2))
    images = [torch.randn(3, 40, 70), torch.randn(3, 90, 33)]
    together = module(images).tokens
    alone = torch.cat([module(image[None]).tokens for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_bf16_stays_near_fp32(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(2, 3, 64, 64)
    exact = MultiScale(backbone, (1, 2))(images).tokens
    rough = MultiScale(backbone, (1, 2), dtype="bf16")(images).tokens
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)


def test_pooling_stays_exact_under_an_outer_autocast(tiny_backbone):
    """A mean of equal float32 cells must be that cell, also where the caller runs autocast."""
    module = polyscale.wrap(torch.nn.AvgPool2d(4), (3,), tile_hw=(16, 16))
    with torch.autocast("cpu", torch.bfloat16):
        features = module(torch.full((1, 3, 48, 48), 1 / 3))
    torch.testing.assert_close(
        features.map, torch.full_like(features.map, 1 / 3), rtol=0, atol=1e-6
    )


def test_gradients_flow_and_do_not_depend_on_chunks(tiny_backbone):
    backbone = tiny_backbone()
    gradients = []
    for tile_batch in (1, 100):
        images = torch.linspace(0, 1, 3 * 64 * 64).view(1, 3, 64, 64).requires_grad_()
        MultiScale(backbone, (1, 2), tile_batch=tile_batch)(images).tokens.square().sum().backward()
        gradients.append(images.grad)
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 32, 32), r"but got \(3, 32, 32\)\. A single image needs"),
        (torch.zeros(1, 1, 32, 32), "must have the shape"),
        (torch.zeros(0, 3, 32, 32), "must have the shape"),
        ([torch.zeros(1, 3, 32, 32)], r"images of a list must have the shape \(3, height, width\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "floating point, but got torch.uint8"),
        ([], "at least one image"),
        (torch.full((1, 3, 32, 32), torch.nan), "3072 of 3072 values are NaN or infinite"),
        (torch.empty(1, 3, 32, 32, device="meta"), "device of the model, cpu, but are on meta"),
    ],
)
def test_bad_images(images, message, tiny_backbone):
    with pytest.raises(InputError, match=message):
        MultiScale(tiny_backbone(), (1,))(images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": (1, 1)}, "must not repeat"),
        ({"source": "both"}, "must be one of base, native, but got 'both'"),
        ({"tile_batch": 0}, "tile_batch must be auto or a whole number of at least 1, but got 0"),
        ({"dtype": "int8"}, "dtype must be one of fp32, bf16, fp16"),
        ({"overlap": 1.0}, "overlap must be between 0 and 0.9, but got 1.0"),
        ({"overlap": "half"}, "overlap must be between 0 and 0.9, but got 'half'"),
        ({"shifted": 3}, "shifted must be True or False, but got 3"),
        ({"split": "no"}, "split must be True or False, but got 'no'"),
        ({"compile": "yes"}, "compile must be True, False or a dict .* but got 'yes'"),
        ({"max_tiles": 2.5}, "max_tiles must be a whole number of at least 1, but got 2.5"),
        ({"devices": ["cuda:0"]}, "devices is not an option .* Run one process for each GPU"),
        ({"frozen": "no"}, "frozen must be True or False, but got 'no'"),
        ({"overlp": 0.5}, r"overlp is not an option .* Did you mean 'overlap'\?"),
    ],
)
def test_bad_options(options, message, tiny_backbone):
    with pytest.raises(InputError, match=message):
        MultiScale(tiny_backbone(), **options)


def test_small_scales_need_a_model_that_takes_small_tiles(tiny_backbone):
    with pytest.raises(InputError, match="at least 1 for tiny"):
        MultiScale(tiny_backbone(fixed_tile=True), (0.5, 1))
    features = MultiScale(tiny_backbone(), (0.5, 1))(torch.randn(1, 3, 32, 32))
    assert features.map.shape == (1, 12, 4, 4)


@pytest.mark.parametrize("scales", [(1,), (2,), (1, 2, 3)])
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_one_cell_that_is_not_finite_stays_one_cell(scales, value):
    class Spoilt(torch.nn.AvgPool2d):
        def forward(self, tiles):
            map_ = super().forward(tiles).clone()
            map_[0, 0, 1, 2] = value
            return map_

    module = polyscale.wrap(Spoilt(8), scales, tile_hw=(64, 64), num_prefix=0, tile_batch=99)
    cells = module(torch.ones(1, 3, 64, 64)).tokens
    # the first tile is at the first scale; its cell lies in one cell of the output
    assert (~torch.isfinite(cells)).sum() == 1


def test_prepared_calls_run_as_often_as_wanted(tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1, 2)), torch.randn(2, 3, 64, 64)
    for eager in (False, True):
        prepared = module.prepare(images, eager=eager)
        assert torch.equal(module.run(prepared).tokens, module.run(prepared).tokens)


def test_gradients_in_double_precision_are_exact(tiny_backbone):
    module = MultiScale(tiny_backbone(tile=8, patch=4).double(), (1, 1.5), overlap=0.25)
    for size in (8, 11, 20):
        images = torch.rand(1, 3, size, 7, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x: module(x).tokens, images, fast_mode=True)


def test_features_of_inference_mode_do_not_break_a_later_backward(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 1.7, 2))
    pixels = np.zeros((47, 53, 3), np.uint8)
    with torch.inference_mode():
        module(torch.randn(1, 3, 47, 53))
        module(module.preprocess(pixels))
    module(torch.randn(1, 3, 47, 53, requires_grad=True)).tokens.sum().backward()
    module(module.preprocess(pixels)).tokens.sum().backward()


def test_another_default_dtype_in_between_changes_nothing(tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1, 1.7)), torch.randn(1, 3, 43, 59)
    torch.set_default_dtype(torch.float64)
    try:
        first = module(images).tokens
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(module(images).tokens, first)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_dtype_is_that_of_the_model(tiny_backbone, dtype):
    backbone = tiny_backbone()
    images = torch.randn(2, 3, 60, 40)
    expected = MultiScale(backbone, (1, 2))(images).tokens
    module = MultiScale(backbone.to(dtype), (1, 2))
    for batch in (images, images.to(dtype)):
        tokens = module(batch).tokens
        assert tokens.dtype == dtype
        torch.testing.assert_close(tokens.float(), expected, rtol=0.05, atol=0.05)


def test_half_precision_is_rounded_once(tiny_backbone):
    """A mean over hundreds of tiles in bf16 is as good as bf16 can be."""
    module = polyscale.wrap(torch.nn.AvgPool2d(4), (24,), tile_hw=(8, 8), tile_batch=3)
    images = torch.rand(1, 3, 8, 8).bfloat16()
    exact = MultiScale(module.backbone, (24,))(images.double()).tokens
    torch.testing.assert_close(module(images).tokens.double(), exact, rtol=0.02, atol=0.02)
    wide = polyscale.wrap(torch.nn.AvgPool2d(4), (24,), tile_hw=(8, 8), tile_batch=576)
    assert torch.equal(module(images).tokens, wide(images).tokens)


@pytest.mark.parametrize("given", ["keyword", "mapping", "batch feature"])
def test_what_an_image_processor_of_transformers_returns(tiny_backbone, given):
    module, images = MultiScale(tiny_backbone(), (1, 2)), torch.randn(1, 3, 32, 32)
    expected = module(images).tokens
    if given == "keyword":
        found = module(pixel_values=images)
    elif given == "mapping":
        found = module({"pixel_values": images})
    else:
        feature = pytest.importorskip("transformers").BatchFeature({"pixel_values": images})
        assert torch.equal(module(**feature).tokens, expected)
        found = module(feature)
    assert torch.equal(found.tokens, expected)


def test_a_frozen_backbone_stays_frozen_in_training():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.BatchNorm2d(4))
    module = polyscale.wrap(model, (1, 2), tile_hw=(32, 32), frozen=True)
    whole = torch.nn.Sequential(module, torch.nn.Identity()).train()
    assert not any(part.training for part in model.modules())
    assert not any(p.requires_grad for p in module.parameters())
    whole.requires_grad_(True).train()
    assert not module.frozen
    assert all(part.training for part in model.modules())


def test_live_models_are_left_as_they_are():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.BatchNorm2d(4))
    module = polyscale.wrap(model, (1, 2), tile_hw=(32, 32))
    assert not module.frozen
    assert model.training
    with pytest.warns(UserWarning, match="batch norms that use the statistics of the batch"):
        module(torch.randn(1, 3, 32, 32))
    module.eval()
    module(torch.randn(1, 3, 32, 32))  # warnings are errors


def test_instance_norms_do_not_mix_tiles():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.InstanceNorm2d(4))
    polyscale.wrap(model, (1, 2), tile_hw=(32, 32))(torch.randn(1, 3, 32, 32))


def test_memory_of_caches_is_bounded():
    """Many pictures of different sizes; what is kept of them has a bound in bytes."""
    from polyscale.operator.multiscale import call, resize

    module = polyscale.wrap(torch.nn.AvgPool2d(8), (1, 2), tile_hw=(32, 32), num_prefix=0)
    for side in range(20, 220, 2):
        module(torch.rand(1, 3, side, side + 1))
    for cache in (resize._BLOCKS, call._PLANS):
        assert 0 < cache.held_bytes <= cache._max_bytes


@pytest.mark.parametrize(
    ("indices", "message"),
    [(0, "indices must be of the 1 layers .* but got 0"), (2, "got 2"), ([1], r"got \[1\]")],
)
def test_layers_that_are_not_read(tiny_backbone, indices, message):
    module = MultiScale(tiny_backbone(), (1,))
    with pytest.raises(InputError, match=message):
        module.forward_intermediates(torch.randn(1, 3, 32, 32), indices)


def test_what_is_no_backbone():
    with pytest.raises(InputError, match="has no name, .* Use polyscale.wrap"):
        MultiScale(torch.nn.Identity(), (1,))


def test_replaced_for_none_given(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1,))
    with pytest.raises(InputError, match="images must be given, but got None"):
        module()
    images = torch.randn(1, 3, 32, 32)
    with pytest.raises(InputError, match="either images or pixel_values, but got both"):
        module(images, pixel_values=images)
    with pytest.raises(InputError, match="must hold 'pixel_values', but holds labels"):
        module({"labels": images})


def test_first_calls_of_several_threads_leave_the_modes_as_they_are():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.Dropout(0.5)).train()
    module = polyscale.wrap(model, (1, 2), tile_hw=(32, 32))
    images = torch.randn(1, 3, 32, 32)
    threads = [threading.Thread(target=module, args=(images,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_that_of_the_model(tiny_backbone, training):
    backbone = tiny_backbone().train(training)
    module = MultiScale(backbone, (1, 2))
    assert module.training == module.with_scales((1,)).training == training


def test_a_part_that_switches_autocast_off_keeps_its_weights(tiny_backbone):
    class Island(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.last = torch.nn.Conv2d(3, 8, 8, 8), torch.nn.Linear(8, 8)

        def forward(self, tiles):
            tokens = self.patches(tiles).flatten(2).transpose(1, 2)
            with torch.autocast("cpu", enabled=False):
                return self.last(tokens.float())

    options = {"tile_hw": (32, 32), "num_prefix": 0, "dtype": "bf16"}
    module = polyscale.wrap(Island(), (1, 2), frozen=True, **options)
    images = torch.randn(1, 3, 32, 32)
    expected = polyscale.wrap(module.backbone.model.requires_grad_(True), (1, 2), **options)(images)
    # a convolution of bf16 may take another kernel where a gradient is wanted
    found = module.requires_grad_(False)(images).tokens
    torch.testing.assert_close(found, expected.tokens, rtol=0.02, atol=0.02)


def test_frozen_weights_are_cast_once_for_all_chunks(tiny_backbone):
    casts = []

    class Casts(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten._to_copy.default and (kwargs or {}).get("dtype") == bf16:
                casts.append(tuple(args[0].shape))
            return func(*args, **(kwargs or {}))

    bf16, backbone = torch.bfloat16, tiny_backbone()
    module = MultiScale(backbone, (1, 2), dtype="bf16", tile_batch=1, frozen=True)
    with torch.no_grad(), Casts():
        module(torch.randn(1, 3, 32, 32))
    weight = tuple(backbone.model.patches.weight.shape)
    assert casts.count(weight) == 1


def test_transforms_of_torch_func(tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1, 2)), torch.randn(3, 2, 3, 32, 32)
    with torch.no_grad():
        found = torch.vmap(lambda batch: module(batch).tokens)(images)
        expected = torch.stack([module(batch).tokens for batch in images])
    torch.testing.assert_close(found, expected)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        assert module(torch.randn(1, 3, 32, 32)).tokens.shape == (1, 17, 12)
    assert torch.isfinite(module(images[0]).tokens).all()


def test_another_default_device_moves_nothing(tiny_backbone):
    module, pixels = MultiScale(tiny_backbone(), (1, 2)), np.zeros((40, 50, 3), np.uint8)
    images = torch.randn(1, 3, 40, 50)
    torch.set_default_device("meta")
    try:
        found = module(images).tokens, module(module.preprocess(pixels)).tokens
    finally:
        torch.set_default_device(None)
    assert torch.equal(found[0], module(images).tokens)
    assert torch.equal(found[1], module(module.preprocess(pixels)).tokens)


def test_large_numbers_are_finite(tiny_backbone):
    module = MultiScale(tiny_backbone().double(), (1,))
    module(torch.full((1, 3, 32, 32), 1e308, dtype=torch.float64))
