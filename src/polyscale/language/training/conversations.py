"""What a LLaVA learns from: conversations about pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from PIL import Image

from polyscale.data import Questions, load_questions, read_image
from polyscale.data.files import is_file, is_text, read_text
from polyscale.errors import InputError
from polyscale.features.keys import Images
from polyscale.language.prompts import IMAGE, Turn
from polyscale.types import Progress, silent

SPEAKERS = ("human", "gpt")
"""They take turns in LLaVA's JSON."""

MAX_JSON_BYTES = 2**33
"""LLaVA-1.5's own file of the second stage has 1.0 GB."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Questions and answers about pictures, or about none.

    Attributes:
        name: what errors call it.
        pictures: indices of its pictures, in the order of the `<image>`s in its questions.
        turns: at least one, each with its answer.
    """

    name: str
    pictures: tuple[int, ...]
    turns: tuple[Turn, ...]

    def __post_init__(self) -> None:
        if not self.turns or any(not (turn.answer or "").strip() for turn in self.turns):
            raise InputError(
                f"conversation {self.name!r} must have an answer to every question, but lacks "
                "one. Add it, or take the conversation out."
            )
        asked = sum(turn.question.count(IMAGE) for turn in self.turns)
        if asked != len(self.pictures):
            raise InputError(
                f"conversation {self.name!r} must have one {IMAGE} for each of its pictures, but "
                f"has {asked} and {len(self.pictures)} pictures. Correct one of them."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversations:
    """Conversations and the pictures that they are about.

    Attributes:
        name: what the user called them.
        pictures: each once.
        entries: the conversations.
    """

    name: str
    pictures: Images
    entries: tuple[Conversation, ...]

    def __post_init__(self) -> None:
        if not self.entries:
            raise InputError(f"data {self.name} must hold conversations, but holds none. Add some.")

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def fingerprint(self) -> str:
        """Changes when any text changes, or which picture it is about."""
        return blake2b(repr(self.entries).encode(), digest_size=16).hexdigest()


def load_conversations(
    source: str,
    *,
    images: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> Conversations:
    """Load what a user names to train on.

    Args:
        source: a JSON file in LLaVA's format; `needles`; or a folder of questions with `train/`.
            Of questions, the right option is the answer.
        images: the folder in which the pictures of a JSON file are.
        cache: folder for what is known of images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if there are no such data, or they break a rule.
    """
    if source.endswith(".json"):
        return read_llava_json(Path(source), images)
    if images is not None:
        raise InputError(
            f"images must be left out for questions, which have their own, but got {str(images)!r}."
        )
    data = load_questions(source, cache=cache, progress=progress)
    return from_questions(source, data.train)


def from_questions(name: str, questions: Questions) -> Conversations:
    """Questions with options → conversations in which the right option is the answer."""
    entries = tuple(
        Conversation(
            name=question.id,
            pictures=(int(picture),),
            turns=(Turn(f"{IMAGE}\n{question.text}", question.options[0]),),
        )
        for question, picture in zip(questions.questions, questions.picture_of, strict=True)
    )
    return Conversations(name=name, pictures=questions.pictures, entries=entries)


def read_llava_json(file: Path, images: str | Path | None) -> Conversations:
    """Conversations in LLaVA's format: a list of objects with `id`, `image` and `conversations`.

    As LLaVA does, a single picture is put before the question that mentions it.

    Args:
        file: of the list.
        images: the folder that names of pictures begin from; None is the file's own.

    Raises:
        InputError: naming the first entry that breaks a rule, or whose picture is missing.
    """
    try:
        rows = json.loads(read_text(file, "data", max_bytes=MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise _wrong(file, f"cannot be read as JSON ({error})") from error
    if not isinstance(rows, list):
        raise _wrong(file, f"holds {type(rows).__name__}")
    paths: dict[str, int] = {}
    entries = tuple(_entry(file, number, row, paths) for number, row in enumerate(rows))
    pictures = PictureFiles(folder=Path(images or file.parent), names=tuple(paths))
    pictures.check(str(file))
    return Conversations(name=str(file), pictures=pictures, entries=entries)


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """Pictures in a folder, by their names in it; all that features are computed from."""

    folder: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def check(self, source: str) -> None:
        """Refuse names without a file."""
        missing = [name for name in self.names if not is_file(self.folder / name)]
        if missing:
            raise InputError(
                f"data {source!r} must name pictures in {str(self.folder)!r}, but {missing[0]!r} "
                f"is not there ({len(missing)} of {len(self)} are missing). Name their folder with "
                "images, or take these entries out."
            )

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """8-bit RGB, upright; see `read_image`."""
        file = self.folder / self.names[index]
        return read_image(file, name=str(file), min_side=min_side)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any file changes: its size, or when it was written last."""
        states = ((self.folder / name).stat() for name in self.names)
        facts = [(state.st_size, state.st_mtime_ns) for state in states]
        return blake2b(repr((self.names, facts)).encode(), digest_size=16).hexdigest()


def _entry(file: Path, number: int, row: Any, paths: dict[str, int]) -> Conversation:
    """One object of the list; `paths` grows by the pictures that are new."""
    name = str(row.get("id", number)) if isinstance(row, dict) else str(number)
    turns = row.get("conversations") if isinstance(row, dict) else None
    named = row.get("image") if isinstance(row, dict) else None
    named = [] if named is None else named if isinstance(named, list) else [named]
    spoken = _spoken(turns)
    if not spoken or len(spoken) % 2 or not all(isinstance(each, str) for each in named):
        raise _wrong(
            file,
            f"entry {number} ({name!r}) is not one: `conversations` must be turns of human and "
            "gpt, in this order, and `image` a name",
        )
    pictures = tuple(paths.setdefault(each, len(paths)) for each in named)
    pairs = zip(spoken[::2], spoken[1::2], strict=True)
    return Conversation(
        name=name,
        pictures=pictures,
        turns=tuple(Turn(_picture_first(asked), said.strip()) for asked, said in pairs),
    )


def _spoken(turns: Any) -> Sequence[str]:
    """What is said in turns; nothing if any of it breaks the format."""
    if not isinstance(turns, list):
        return ()
    for number, turn in enumerate(turns):
        if not isinstance(turn, dict) or not is_text(turn.get("value")):
            return ()
        if turn.get("from") != SPEAKERS[number % 2]:
            return ()
    return [turn["value"] for turn in turns]


def _picture_first(question: str) -> str:
    """A single picture stands before the text; several stay where they are mentioned."""
    if question.count(IMAGE) != 1:
        return question.strip()
    return f"{IMAGE}\n{question.replace(IMAGE, '').strip()}"


def _wrong(file: Path, what: str) -> InputError:
    return InputError(
        f"data must be a list of conversations in LLaVA's format, but {str(file)!r} {what}. "
        "Correct the file."
    )
