"""Candidates that fail halfway: the others go on."""

from collections.abc import Iterator
from contextlib import contextmanager

from polyscale.errors import first_line
from polyscale.records import Failure
from polyscale.store import StoreError
from polyscale.types import Candidate


class Failures:
    """What failed so far."""

    def __init__(self) -> None:
        self._found: dict[Candidate, Failure] = {}

    def __contains__(self, candidate: Candidate) -> bool:
        return candidate in self._found

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._found.values())

    @contextmanager
    def of(self, candidate: Candidate) -> Iterator[None]:
        """Whatever fails inside is this candidate's failure, and no one else's.

        Only a full disk, which every candidate needs, and the user's own interrupt get out.
        """
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # models are from outside and raise anything
            self._found[candidate] = Failure(
                str(candidate), first_line(error), type(error).__name__
            )
