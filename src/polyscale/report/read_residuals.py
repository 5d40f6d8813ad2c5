"""Pictures of what a reconstruction leaves unexplained, read and checked."""

from math import isfinite
from pathlib import Path

from polyscale.records import RESIDUALS_FILE, Reconstruction, ResidualPicture
from polyscale.records.codec import damaged
from polyscale.report.read_gallery import open_picture, read_rows
from polyscale.report.run import Residuals


def read_residuals(folder: Path, found: Reconstruction | None) -> tuple[Residuals, ...]:
    """The pictures of a reconstruction; empty where the run has none.

    Raises:
        InputError: if the file is missing or damaged, or lacks a map.
    """
    if found is None:
        return ()
    path = folder / RESIDUALS_FILE
    pictures: dict[str, bytes] = {}
    losses: dict[str, dict[str, ResidualPicture]] = {}
    for row in (ResidualPicture(**values) for values in read_rows(path, ResidualPicture)):
        if row.candidate is None:
            pictures[row.id] = row.bytes
            continue
        if len(row.losses) != row.height * row.width or not all(map(isfinite, row.losses)):
            raise damaged(path, f"image {row.id!r} has not one number for each cell")
        losses.setdefault(row.id, {})[row.candidate] = row
    names = found.of("test")
    shown = []
    for id_, content in pictures.items():
        size_wh = open_picture(path, id_, content, "JPEG").size
        if missing := names.keys() - losses.get(id_, {}).keys():
            raise damaged(path, f"image {id_!r} has no map of {min(missing)}")
        shown.append(Residuals(id=id_, jpeg=content, size_wh=size_wh, losses=losses[id_]))
    return tuple(shown)
