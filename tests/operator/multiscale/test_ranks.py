"""Two processes: learning together, and sharing the tiles of one call."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale

WORKER = """
import os, sys, time, importlib.util, torch, torch.distributed as dist
from pathlib import Path
from torch.nn.parallel import DistributedDataParallel
from polyscale.operator.multiscale import MultiScale

folder, conftest, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("shared", conftest)
shared = importlib.util.module_from_spec(spec); spec.loader.exec_module(shared)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
images = torch.load(f"{folder}/images.pt", weights_only=True)
for share in (False, True):
    torch.manual_seed(rank)  # other weights until the first is sent round
    module = MultiScale(shared.TinyBackbone(), (1, 2), tile_batch=3, checkpoint=rank == 0,
                        distributed=share)
    tiles = []
    module.backbone.register_forward_pre_hook(lambda _, args: tiles.append(len(args[0])))
    parallel = DistributedDataParallel(module)
    mine = images if share else images[rank * 2 : rank * 2 + 2]
    tokens = parallel(mine).tokens
    count = sum(tiles)
    tokens.square().mean().backward()
    gradients = [p.grad for p in module.parameters()]
    weights = list(module.state_dict().values())
    torch.save([weights, gradients, tokens.detach(), count], f"{folder}/{share}-{rank}.pt")
# Whoever leaves while the other still talks to it aborts the other, as does an end inside gloo.
Path(folder, f"done-{rank}").touch()
while not Path(folder, f"done-{1 - rank}").exists():
    time.sleep(0.01)
os._exit(0)
"""

needs_distributed = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch has no distributed"
)


@pytest.fixture(scope="module")
def images():
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def results(tmp_path_factory, images):
    """Whether tiles are shared → what each of two processes has: weights, gradients, tokens."""
    folder = tmp_path_factory.mktemp("two")
    torch.save(images, folder / "images.pt")
    conftest = Path(__file__).parents[2] / "conftest.py"
    command = [sys.executable, "-c", WORKER, str(folder), str(conftest)]
    workers = [subprocess.Popen([*command, str(rank)]) for rank in (0, 1)]
    try:
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
    return {
        share: [torch.load(folder / f"{share}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        for share in (False, True)
    }


@needs_distributed
@pytest.mark.parametrize("share", [False, True], ids=["learn", "share"])
def test_features_and_gradients_are_those_of_one_process(results, images, tiny_backbone, share):
    weights = results[share][0][0]
    alone = MultiScale(tiny_backbone(), (1, 2))
    alone.load_state_dict(dict(zip(alone.state_dict(), weights, strict=True)))
    features = alone(images).tokens
    features.square().mean().backward()
    expected = [features] * 2 if share else features.split(2)
    for (_, gradients, tokens, num_tiles), own in zip(results[share], expected, strict=True):
        torch.testing.assert_close(tokens, own.detach(), rtol=1e-5, atol=1e-5)
        assert num_tiles == 4 * 5 / 2
        for mine, theirs in zip(alone.parameters(), gradients, strict=True):
            torch.testing.assert_close(theirs, mine.grad, rtol=1e-4, atol=1e-5)


def test_a_process_group_is_needed(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2), distributed=True)
    with pytest.raises(InputError, match="distributed must be False where there is no process gr"):
        module(torch.randn(1, 3, 32, 32))
