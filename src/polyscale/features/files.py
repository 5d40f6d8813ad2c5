"""Files and folders that are whole or absent, and the removal of what killed processes leave.

Whoever writes a temporary file or folder holds a lock on it (`flock`), which the operating system
releases when the process ends, however it ends. A temporary file that can be locked therefore has
no living owner. Unlike process ids this also holds across containers. Where there are no such
locks, as on Windows and some network drives, nothing is removed.
"""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from pathlib import Path

from polyscale.errors import RunError

if sys.platform != "win32":
    import fcntl

PARTIAL = ".partial"
"""Ends the name of a file that is being written."""

TEMPORARY = "polyscale-"
"""Marks temporary folders as ours; eight random characters follow."""


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to. It takes the name `file` when the block ends, and vanishes if it fails.

    Raises:
        OSError: if the disk refuses.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _owned(lambda: _create_file(file.parent)) as partial:
        try:
            yield partial
            os.replace(partial, file)  # noqa: PTH105 - atomic also over a file
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def temporary_folder(parent: Path | None = None, prefix: str = "") -> Iterator[Path]:
    """A new folder that is deleted when the block ends.

    Those of the same parent and prefix that were left by killed processes are deleted first. The
    prefix stands before `polyscale-`; without a parent it is the system's folder for such things.

    Raises:
        OSError: if the disk refuses.
    """
    parent = parent or Path(tempfile.gettempdir())
    remove_abandoned(parent.glob(f"{escape(prefix)}{TEMPORARY}{'?' * 8}"))
    with _owned(lambda: tempfile.mkdtemp(prefix=prefix + TEMPORARY, dir=parent)) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write to, which takes its name when the block ends, or vanishes.

    Raises:
        OSError: if the disk refuses, or `folder` is there already and holds anything.
    """
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(parent, prefix=f".{folder.name}-") as temporary:
        unfinished = temporary / folder.name
        unfinished.mkdir()
        yield unfinished
        os.replace(unfinished, folder)  # noqa: PTH105 - atomic


@contextmanager
def one_process(path: Path) -> Iterator[None]:
    """Keep other processes out of what a file or folder is for, where there are locks.

    Raises:
        RunError: if another process is in it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(path))
        except BlockingIOError as error:
            raise RunError(
                f"{str(path)!r} is in use by another process. Wait until that ends, or choose "
                "another out."
            ) from error
        except OSError:  # no locks here
            pass
        yield


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Delete temporary files and folders whose owners are no longer alive."""
    for path in paths:
        # its owner is alive, another process was faster, or it is not ours
        with suppress(OSError), _locked(path):
            delete(path)


def delete(path: Path) -> None:
    """Delete a file, a link or a whole folder, if it is there.

    Raises:
        OSError: if the disk refuses.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _create_file(folder: Path) -> str:
    """A new file that others may read as far as the user's umask lets them, unlike `mkstemp`'s."""
    while True:
        file = folder / f"tmp{secrets.token_hex(8)}{PARTIAL}"
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            continue
        return str(file)


@contextmanager
def _owned(create: Callable[[], str]) -> Iterator[Path]:
    """A new file or folder that no other process removes, where there are locks."""
    with ExitStack() as stack:
        while True:
            path = Path(create())
            with suppress(OSError):
                stack.enter_context(_locked(path, wait=True))
            if path.exists():  # otherwise another process was faster than the lock
                break
        yield path


@contextmanager
def _locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file or folder.

    Raises:
        OSError: if another process holds it, if it is gone, or where there are no locks.
    """
    if sys.platform == "win32":
        raise OSError("this system has no flock")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
