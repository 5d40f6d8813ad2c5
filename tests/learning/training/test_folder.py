import pytest

from polyscale.errors import InputError
from polyscale.features import whole_file
from polyscale.learning.training import check_training_folder, training_folder

FACTS = {"steps": "3"}


@pytest.fixture
def killed(tmp_path):
    """A folder with what a process was writing when it was killed, and nothing else."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "tmp1234abcd.partial").write_bytes(b"half")
    return folder


def test_a_training_that_was_killed_at_once_begins_again(killed):
    check_training_folder(killed, FACTS)
    with training_folder(killed, FACTS, 0):
        assert [path.name for path in killed.iterdir()] == ["training.json"]
    check_training_folder(killed, FACTS)


def test_what_was_being_written_further_down_is_removed_as_well(killed):
    (killed / "meta").mkdir()
    (killed / "tmp1234abcd.partial").rename(killed / "meta/tmp1234abcd.partial")
    check_training_folder(killed, FACTS)
    with training_folder(killed, FACTS, 0):
        assert [path.name for path in killed.rglob("*.*")] == ["training.json"]


def test_what_a_living_process_writes_stays(tmp_path):
    with whole_file(tmp_path / "checkpoint") as partial:
        partial.write_text("half")
        with training_folder(tmp_path, FACTS, 0):
            assert partial.read_text() == "half"
    assert (tmp_path / "checkpoint").read_text() == "half"


def test_other_files_are_refused(killed):
    (killed / "thesis.txt").touch()
    with pytest.raises(InputError, match="must be a new folder or one of a training.*Choose"):
        check_training_folder(killed, FACTS)
