"""What only a GPU can show. Skipped without one."""

import numpy as np
import pytest
import timm
import torch

import polyscale
from polyscale.data import load_classification
from polyscale.learning.pretraining import PretrainSettings, pretrain
from polyscale.operator.cost import Meter
from polyscale.tasks import ClassificationSettings, DepthSettings, SegmentationSettings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

MODELS = {
    "vit": ("vit_tiny_patch16_224", {"img_size": 64, "depth": 2}),
    "resnet": ("resnet18", {}),
}


@pytest.fixture(params=MODELS)
def model(request):
    name, options = MODELS[request.param]
    return timm.create_model(name, num_classes=0, **options).eval().requires_grad_(False)


def images(num=2):
    return torch.randn(num, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def of(model, scales=(1, 2), **options):
    return polyscale.wrap(model, scales, tile_hw=(64, 64), **options)


def test_features_are_those_of_the_cpu(model):
    expected = of(model)(images()).tokens
    with torch.backends.cudnn.flags(allow_tf32=False):
        found = of(model.cuda())(images().cuda()).tokens
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_and_memory_format(model, dtype):
    expected = of(model)(images()).tokens
    ms = of(model.cuda().to(memory_format=torch.channels_last), dtype=dtype)
    found = ms(images().cuda().to(memory_format=torch.channels_last)).tokens.float().cpu()
    assert (found - expected).norm() < 0.03 * expected.norm()


@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_a_compiled_model_gives_the_same(model):
    model = model.cuda()
    expected = of(model)(images().cuda()).tokens
    found = of(model, compile=True, tile_batch=10)(images().cuda()).tokens
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_a_call_does_not_wait_for_the_device(model):
    ms, batch = of(model.cuda(), dtype="bf16"), images(8).cuda()
    ms(batch)
    try:
        torch.cuda.set_sync_debug_mode("error")
        features = ms(batch)
        _ = features.map, features.tokens, features.pooled
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_checkpointed_gradients_are_the_same(model):
    model = model.cuda().requires_grad_(True)
    found = []
    for checkpoint in (False, True):
        model.zero_grad()
        of(model, checkpoint=checkpoint)(images().cuda()).pooled.square().mean().backward()
        found.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert found[0]
    for plain, again in zip(*found, strict=True):
        torch.testing.assert_close(plain, again, rtol=1e-2, atol=1e-4)


def test_memory_that_runs_short_makes_chunks_smaller(model):
    ms = of(model.cuda(), tile_batch=4096)
    many = torch.randn(512, 3, 128, 128, device="cuda")
    expected = ms(many[:2]).tokens
    free, total = torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((total - free + 700 * 2**20) / total)
    try:
        found = ms(many).tokens[:2]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def test_costs_are_measured(model):
    meter = Meter(of(model.cuda(), dtype="bf16"), (128, 128))
    for number in range(8):
        meter.turn(number)
    cost = meter.cost("now")
    assert cost.turns.tile_ms > 0
    assert cost.peak_bytes > 2**20


@pytest.mark.parametrize(
    ("settings", "data"),
    [
        (ClassificationSettings, "image_folder"),
        (SegmentationSettings, "pairs_folder"),
        (DepthSettings, "pairs_folder"),
    ],
)
def test_a_comparison(settings, data, model, request, tmp_path):
    folder = request.getfixturevalue(data)
    source = f"folder:{folder}" if data == "image_folder" else f"pairs:{folder}"
    values = {}
    for device in ("cpu", "cuda"):
        chosen = settings(device=device, dtype="fp32")
        if settings is not ClassificationSettings:
            chosen = chosen.with_steps(30)
        found = polyscale.compare(
            source,
            {"net": [of(model, scales) for scales in ((1,), (1, 2))]},
            settings=chosen,
            cache=tmp_path / device,
        )
        assert len(found.rows) == 2
        assert not found.failures
        values[device] = [row.value for row in found.rows]
    np.testing.assert_allclose(values["cuda"], values["cpu"], rtol=0.3, atol=0.15)


@pytest.mark.parametrize("method", ["supervised", "dino"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_pretraining(method, precision, textures, tmp_path):
    settings = PretrainSettings(
        model="vit_tiny_patch16_224",
        model_args={"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2},
        scales=(1, 2),
        method=method,
        precision=precision,
        steps=6,
        batch=4,
        prototypes=32,
    )
    data = load_classification(f"folder:{textures}")
    done = pretrain(settings, data, out=tmp_path, device="cuda")
    assert np.isfinite(done.losses).all()
