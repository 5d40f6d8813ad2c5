import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from polyscale.data import LabelledImages
from polyscale.features import (
    FeatureStore,
    StoredMaps,
    extract_maps,
    extract_pooled,
    weights_hash,
    workers,
)
from polyscale.features.workers import cpu_workers, result_of, share_out, worker_pool
from polyscale.operator.cost.candidate import cpu_threads
from polyscale.operator.multiscale import MultiScale
from polyscale.types import silent


@pytest.fixture
def four_threads():
    with cpu_threads(4):
        yield


@pytest.fixture
def many_images():
    """As many as fill several pieces of each file."""
    pixels = np.random.default_rng(0).integers(0, 255, (70, 80, 80, 3), dtype=np.uint8)
    ids = tuple(f"{i}.png" for i in range(len(pixels)))

    def read(index, min_side=None):
        return Image.fromarray(pixels[index])

    return LabelledImages(ids, np.arange(len(ids)) % 2, read, "fingerprint")


@pytest.fixture
def seen_at_once(tiny_backbone):
    """A backbone that counts the calls that run at the same time."""
    backbone = tiny_backbone()
    backbone.now, backbone.most, backbone.sizes = 0, 0, []
    lock, together = threading.Lock(), threading.Barrier(2, timeout=20)

    def begin(_, args):
        with lock:
            backbone.now += 1
            backbone.most = max(backbone.most, backbone.now)
            backbone.sizes.append(len(args[0]))
            first = len(backbone.sizes) <= 2
        if first and backbone.waits:
            together.wait()

    def end(*_):
        with lock:
            backbone.now -= 1

    backbone.waits = False
    backbone.register_forward_pre_hook(begin)
    backbone.register_forward_hook(end)
    return backbone


def extracted(kind, module, images, folder, **options):
    return kind(
        module,
        images,
        store=FeatureStore(folder),
        weights=weights_hash(module.backbone),
        step="step",
        progress=silent,
        **options,
    )


def rows(features):
    return features.take(np.arange(70)) if isinstance(features, StoredMaps) else features


@pytest.mark.parametrize("kind", [extract_pooled, extract_maps])
def test_several_at_once_give_the_same_features(
    four_threads, kind, tiny_backbone, many_images, tmp_path
):
    module = MultiScale(tiny_backbone(), (1, 2))
    one = extracted(kind, module, many_images, tmp_path / "one")
    many = extracted(kind, module, many_images, tmp_path / "many", parallel=True)
    for scale in (1, 2):
        np.testing.assert_allclose(rows(one[scale]), rows(many[scale]), rtol=1e-3, atol=1e-5)


def test_a_model_runs_in_several_threads_only_where_it_may(
    four_threads, seen_at_once, many_images, tmp_path
):
    module = MultiScale(seen_at_once, (1, 2))
    extracted(extract_pooled, module, many_images, tmp_path / "alone")
    assert seen_at_once.most == 1
    seen_at_once.sizes.clear()
    module.tile_batch()
    seen_at_once.sizes.clear()
    seen_at_once.waits = True  # two calls wait for each other, which one thread could not
    extracted(extract_pooled, module, many_images, tmp_path / "at once", parallel=True)
    assert seen_at_once.most >= 2


def test_chunks_of_all_workers_together_are_as_large_as_one(four_threads, tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2))
    shared, num = share_out(module)
    assert num == 4
    assert shared.tile_batch() * num <= module.tile_batch()


@pytest.mark.parametrize("options", [{"tile_batch": 8}, {"compile": True}])
def test_a_choice_of_the_user_is_kept(four_threads, tiny_backbone, options):
    module = MultiScale(tiny_backbone(), (1, 2), **options)
    assert share_out(module) == (module, 1)


def test_a_short_memory_leaves_one(four_threads, tiny_backbone, monkeypatch):
    module = MultiScale(tiny_backbone(), (1, 2))
    monkeypatch.setattr(MultiScale, "tile_batch", lambda self: 2)
    assert share_out(module) == (module, 1)


def test_one_thread_is_one_worker():
    with cpu_threads(1):
        assert cpu_workers() == 1


def test_limits_hold_in_the_workers_alone(four_threads):
    with worker_pool(4) as pool:
        inside = [pool.submit(torch.get_num_threads).result() for _ in range(4)]
    assert inside == [1] * 4
    assert torch.get_num_threads() == 4


def test_nothing_runs_at_once_where_torch_keeps_no_limit(four_threads, monkeypatch):
    monkeypatch.setattr(workers, "_can_share", lambda: False)
    assert cpu_workers() == 1


def test_an_error_in_a_worker_reaches_the_caller(
    four_threads, tiny_backbone, many_images, tmp_path
):
    backbone = tiny_backbone()
    module = MultiScale(backbone, (1, 2))
    module.tile_batch()

    def fail(*_):
        raise RuntimeError("broken model")

    backbone.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="broken model"):
        extracted(extract_pooled, module, many_images, tmp_path, parallel=True)


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt, also in a job in the background, which would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_wait_that_the_signal_itself_does_not_end(interruptible):
    stop = threading.Event()

    def interrupt():
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # seen here, not where one waits

    with ThreadPoolExecutor(2) as pool:
        waited_for = pool.submit(stop.wait, 30)
        pool.submit(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                result_of(waited_for)
            assert not waited_for.done()
        finally:
            stop.set()
