"""The folder of a training: which training it is of, and room for it on the disk."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, first_line
from polyscale.features import whole_file
from polyscale.features.files import PARTIAL, remove_abandoned
from polyscale.learning.training.disk import room_for

FACTS = "training.json"
"""File with everything that the training depends on, by name."""


def check_training_folder(
    out: Path, facts: Mapping[str, Any], *, file: str = FACTS, kind: str = "training"
) -> None:
    """Refuse a folder that is neither new nor of this very training.

    Args:
        out: the folder that the user names.
        facts: everything that the training depends on, in words that can be compared; other values
            of JSON will do as well.
        file: where the facts are kept in the folder.
        kind: what is done, if it is no training.

    Raises:
        InputError: if it holds anything else; what differs from another training is named.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"out must be a folder, but {str(out)!r} is a file. Choose another.")
    try:
        there = dict(json.loads((out / file).read_text(encoding="utf-8")))
    except FileNotFoundError:
        # a training that was killed at once leaves nothing but a file that it was writing
        if any(not path.name.endswith(PARTIAL) for path in out.rglob("*") if not path.is_dir()):
            raise InputError(
                f"out must be a new folder or one of a {kind}, but {str(out)!r} holds other "
                "files. Choose another."
            ) from None
        return
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"out {str(out)!r} holds a damaged {file} ({first_line(error)}). Choose another folder."
        ) from error
    different = list(_differences(there, facts))
    if different:
        raise InputError(
            f"out must be a new folder or one of this {kind}, but {str(out)!r} holds another: "
            f"{'; '.join(different)}. Choose another folder, or delete it first."
        )


@contextmanager
def training_folder(
    out: Path, facts: Mapping[str, Any], num_bytes: int, *, file: str = FACTS
) -> Iterator[None]:
    """The folder with the facts in it, and errors of the disk as those of a run.

    What a killed training was writing is removed: a checkpoint may be large.

    Raises:
        RunError: if the disk has less room than `num_bytes`, or refuses.
    """
    remove_abandoned(out.rglob(f"*{PARTIAL}"))
    with room_for(out, num_bytes, out):
        with whole_file(out / file) as partial:
            partial.write_text(json.dumps(facts, indent=2), encoding="utf-8")
        yield


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Values that differ, in words; those of a table within the table one by one."""
    for name in {**there, **here}:
        old, new = there.get(name), here.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new)
        elif old != new:
            yield f"{name} is {old} there and {new} here"
