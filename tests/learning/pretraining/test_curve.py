import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from polyscale.learning.pretraining.curve import loss_curve


def seen(folder):
    """Step → loss and when it was written, as TensorBoard reads a folder."""
    events = EventAccumulator(str(folder)).Reload().Scalars("loss")
    return {event.step: (event.value, event.wall_time) for event in events}


def leave(folder, name, losses, time):
    """A file of a process that was killed, of a name that sorts before or after all others."""
    writer = SummaryWriter(str(folder / "new"))
    for step, loss in enumerate(losses):
        writer.add_scalar("loss", loss, step, walltime=time + step)
    writer.close()
    (file,) = (folder / "new").iterdir()
    return file.rename(folder / f"events.out.tfevents.{name}")


@pytest.mark.parametrize("name", ["0000000000.then.1.0", "9999999999.later.1.0"])
def test_lost_steps_are_taken_back_whatever_the_clock_says(tmp_path, name):
    leave(tmp_path, name, [10, 11, 12, 13], time=100.0)
    with loss_curve(tmp_path) as watch:
        watch(0, [10, 11])
        watch(2, [2, 3])
        watch(4, [4])
    curve = seen(tmp_path)
    assert {step: loss for step, (loss, _) in curve.items()} == {0: 10, 1: 11, 2: 2, 3: 3, 4: 4}
    assert [time for _, time in curve.values()][:2] == [100.0, 101.0]
    assert min(time for _, time in list(curve.values())[2:]) > 1e9


def test_a_loss_that_a_kill_kept_from_the_disk_is_there(tmp_path):
    file = leave(tmp_path, "1", [10, 11, 12], time=100.0)
    file.write_bytes(file.read_bytes()[:-5])
    (tmp_path / "events.out.tfevents.2").write_bytes(b"")
    with loss_curve(tmp_path) as watch:
        watch(0, [10, 11, 12, 13])
    curve = seen(tmp_path)
    assert [loss for loss, _ in curve.values()] == [10, 11, 12, 13]
    assert [time for _, time in curve.values()][:2] == [100.0, 101.0]


def test_only_the_writing_process_leaves_files(tmp_path):
    with loss_curve(tmp_path / "none", writes=False) as watch:
        watch(0, [1.0])
    assert not (tmp_path / "none").exists()
