from polyscale.records import RUN_MARKS, is_run
from polyscale.studies.run_folder import FILES


def test_every_run_has_its_marks(tmp_path):
    assert set(RUN_MARKS) <= set(FILES)
    for name in RUN_MARKS:
        assert not is_run(tmp_path)
        (tmp_path / name).write_text("")
    assert is_run(tmp_path)
