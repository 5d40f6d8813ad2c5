"""Two processes that learn together: `DistributedDataParallel` around the operator."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

WORKER = """
import sys, importlib.util, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from polyscale.multiscale import MultiScale

folder, conftest, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("shared", conftest)
shared = importlib.util.module_from_spec(spec); spec.loader.exec_module(shared)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
torch.manual_seed(rank)  # other weights until the first is sent round
module = MultiScale(shared.TinyBackbone(), (1, 2), tile_batch=3, checkpoint=rank == 0)
parallel = DistributedDataParallel(module)
images = torch.load(f"{folder}/images.pt", weights_only=True)
parallel(images[rank * 2 : rank * 2 + 2]).tokens.square().mean().backward()
gradients = [p.grad for p in module.parameters()]
torch.save([list(module.state_dict().values()), gradients], f"{folder}/{rank}.pt")
dist.barrier()  # or one may leave while the other still talks to it
dist.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no distributed")
def test_gradients_are_those_of_one_process(tmp_path, tiny_backbone):
    from polyscale.multiscale import MultiScale

    images = torch.randn(4, 3, 64, 64)
    torch.save(images, tmp_path / "images.pt")
    conftest = Path(__file__).parents[1] / "conftest.py"
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(conftest)]
    workers = [subprocess.Popen([*command, str(rank)]) for rank in (0, 1)]
    try:
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
    (weights, gradients), (_, others) = (
        torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    alone = MultiScale(tiny_backbone(), (1, 2))
    alone.load_state_dict(dict(zip(alone.state_dict(), weights, strict=True)))
    alone(images).tokens.square().mean().backward()
    for mine, first, second in zip(alone.parameters(), gradients, others, strict=True):
        torch.testing.assert_close(first, second)
        torch.testing.assert_close(first, mine.grad, rtol=1e-4, atol=1e-5)
