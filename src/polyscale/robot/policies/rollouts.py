"""Closed-loop control: a policy acts in the scene, and its actions determine what it sees next.

Several episodes run in lockstep, as one batch. On a CPU, several such groups run at once, in
threads that share the cores as the threads of feature extraction do. The result of an episode
depends on its seed and on its group, because features may differ in their last digits when the
batch size differs.
"""

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from queue import SimpleQueue

import torch

from polyscale.features.workers import next_of, share_out, worker_pool
from polyscale.robot.policies.controller import Controller, ControlTimes, Rollout, Scene
from polyscale.robot.policies.lockstep import run_group


def run_rollouts(
    controller: Controller,
    make_scene: Callable[[], Scene],
    seeds: Sequence[int],
    times: ControlTimes | None = None,
) -> Generator[Rollout, None, None]:
    """Run one episode for each seed, and yield the episodes of a group when all of them have ended.

    Groups end in any order. Closing the iterator stops all threads within one step.

    Args:
        controller: the policy, its encoder and its options.
        make_scene: makes a scene; called in the threads that run episodes.
        seeds: seeds of the scenes, one for each episode.
        times: the time spent in each part is added to it.

    Raises:
        RunError: if an action is not finite.
    """
    size = controller.options.lockstep
    groups = [seeds[i : i + size] for i in range(0, len(seeds), size)]
    with closing(run_groups(controller, make_scene, groups, times)) as running:
        for episodes in running:
            yield from episodes


def run_groups(
    controller: Controller,
    make_scene: Callable[[], Scene],
    groups: Sequence[Sequence[int]],
    times: ControlTimes | None = None,
) -> Generator[list[Rollout], None, None]:
    """Run groups of episodes, each in lockstep, and yield their episodes; see `run_rollouts`."""
    num_workers = 1
    if controller.options.parallel:
        module, num_workers = share_out(controller.module)
        controller = replace(controller, module=module)
    num_workers = min(num_workers, len(groups))
    stop, found = threading.Event(), SimpleQueue[list[Rollout] | BaseException]()
    own_times = [ControlTimes() for _ in range(num_workers)]

    def work(number: int) -> None:
        try:
            with ExitStack() as stack, torch.inference_mode():
                own = groups[number::num_workers]
                num_scenes = max(map(len, own))
                scenes = [stack.enter_context(closing(make_scene())) for _ in range(num_scenes)]
                for group in own:
                    if stop.is_set():
                        break
                    found.put(run_group(controller, scenes, group, own_times[number], stop))
        except BaseException as error:  # raised again in the thread that waits
            found.put(error)

    workers = worker_pool(num_workers) if num_workers > 1 else ThreadPoolExecutor(1)
    try:
        for number in range(num_workers):
            workers.submit(work, number)
        for _ in groups:
            episodes = next_of(found)
            if isinstance(episodes, BaseException):
                raise episodes
            yield episodes
    finally:
        stop.set()
        workers.shutdown()
        if times is not None:
            for own in own_times:
                times.add(own)
