"""`csv:PATH`: a table with a line for each image."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from polyscale.data.files import exists, read_text
from polyscale.data.listing import (
    Catalogue,
    Listing,
    assign_roles,
    list_files,
    role_of,
    split_labels,
    to_targets,
)
from polyscale.errors import InputError

COLUMNS = {
    "image": "path", "label": "label", "labels": "labels", "number": "number", "split": "split"
}  # fmt: skip
"""What a column holds → what it is called unless the user says otherwise."""


class _Row(NamedTuple):
    id: str
    path: Path
    target: Any
    split: str


def list_table(path: Path, kind: str, options: Mapping[str, str]) -> Catalogue:
    """The images that a table names.

    Args:
        path: a file of comma-separated values, or tab-separated ones if its name ends in `.tsv`,
            in UTF-8 with a header. The columns are path, the target and, if there are splits,
            split; paths are relative to the table.
        kind: of target: `label`, `labels` (with the separator between them) or `number`.
        options: other names of the columns: `image`, the kind, `split`; and the `separator` of
            labels, default `;`.
    """
    rows = _read(path, kind, options)
    class_names: tuple[str, ...] = ()
    if kind == "label":
        class_names = tuple(sorted({row.target for row in rows}))
    elif kind == "labels":
        class_names = tuple(sorted({label for row in rows for label in row.target}))

    def list_split(split: str) -> Listing:
        chosen = [row for row in rows if row.split == split]
        targets = to_targets(kind, [row.target for row in chosen], class_names)
        return list_files([(row.id, row.path) for row in chosen], targets)

    names, about = assign_roles(sorted({row.split for row in rows}), where=f"table {str(path)!r}")
    return Catalogue([list_split(name) for name in names], about, class_names=class_names)


def _read(path: Path, kind: str, options: Mapping[str, str]) -> list[_Row]:
    columns = {role: options.get(role, COLUMNS[role]) for role in ("image", kind, "split")}
    text = io.StringIO(read_text(path, "table"), newline="")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader(text, delimiter=delimiter, strict=True)
    rows: dict[str, _Row] = {}
    lines: dict[str, int] = {}
    try:
        names = reader.fieldnames or []
        for role, column in columns.items():
            if column not in names and (role != "split" or role in options):
                raise InputError(
                    f"table {str(path)!r} must have a column {column!r}, but has "
                    f"{', '.join(names) or 'none'}. Name the right one with ?{role}=COLUMN."
                )
        for cells in reader:
            row = _to_row(path, cells, columns, kind, options.get("separator", ";"))
            if row.id in rows:
                raise ValueError(f"{row.id!r} is already in line {lines[row.id]}")
            rows[row.id], lines[row.id] = row, reader.line_num
    except InputError:
        raise
    except (csv.Error, ValueError) as error:
        raise InputError(
            f"table {str(path)!r}, line {reader.reader.line_num}: {error}. Correct the line."
        ) from error
    if not rows:
        raise InputError(f"table {str(path)!r} must name images, but is empty. Add lines.")
    return list(rows.values())


def _to_row(
    path: Path,
    cells: Mapping[str | None, str | None],
    columns: Mapping[str, str],
    kind: str,
    separator: str,
) -> _Row:
    """One line; a ValueError says what is wrong with it."""
    if None in cells or None in cells.values():
        raise ValueError("its number of cells is not the header's")
    values = {role: (cells.get(column) or "").strip() for role, column in columns.items()}
    image, target, split = values.values()
    for role in ("image", kind):
        if not values[role] and role != "labels":
            raise ValueError(f"{columns[role]} is empty")
    if columns["split"] in cells and role_of(split) is None:
        raise ValueError(f"{columns['split']} must be train, val or test, but is {split!r}")
    file = path.parent / image
    if not exists(file):
        raise ValueError(f"there is no file {image[:200]!r} beside the table")
    if kind == "label":
        return _Row(image, file, target, split)
    if kind == "labels":
        return _Row(image, file, split_labels(target, separator), split)
    return _Row(image, file, _to_number(target), split)


def _to_number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"the number must be finite, with a point for decimals, but is {cell!r}")
    return number
