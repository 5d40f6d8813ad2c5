"""Episodes of policies and films of them, read and checked."""

from pathlib import Path
from typing import Any

from polyscale.records import FILMS_FILE, Episodes, FilmRow
from polyscale.records.codec import damaged
from polyscale.report.read_gallery import open_picture, read_rows


def read_films(folder: Path, episodes: Episodes | None) -> tuple[FilmRow, ...]:
    """The films of a run; empty where it has no episodes.

    Raises:
        InputError: if the file is missing or damaged, or a film is of another episode.
    """
    if episodes is None:
        return ()
    path = folder / FILMS_FILE
    return tuple(_film(path, row, episodes) for row in read_rows(path, FilmRow))


def _film(path: Path, row: dict[str, Any], episodes: Episodes) -> FilmRow:
    film = FilmRow(**row)
    open_picture(path, film.id, film.bytes, "WEBP")
    if film.id not in episodes.ids or film.candidate not in episodes.success:
        raise damaged(path, f"episode {film.id!r} of {film.candidate} is not of this run")
    return film
