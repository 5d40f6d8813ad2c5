"""`csv:PATH`: a table with a line for each image."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polyscale.data.listing import Catalogue, list_files
from polyscale.data.splits import assign_roles, role_of
from polyscale.errors import InputError

COLUMNS = {"image": "path", "label": "label", "split": "split"}
"""What a column holds → what it is called unless the user says otherwise."""


@dataclass(frozen=True)
class _Row:
    id: str
    path: Path
    class_name: str
    split: str


def list_table(path: Path, options: Mapping[str, str]) -> Catalogue:
    """The images that a table names.

    Args:
        path: a file of comma-separated values, or tab-separated ones if its name ends in `.tsv`,
            in UTF-8 with a header. The columns are path, label and, if there are splits, split;
            paths are relative to the table.
        options: other names of the columns: `image`, `label`, `split`.

    Raises:
        InputError: with the line, if one breaks a rule.
    """
    rows = _read(path, options)
    names = sorted({row.class_name for row in rows})
    splits = {row.split for row in rows}

    def of(split: str) -> list[tuple[str, Path, int]]:
        numbers = {name: i for i, name in enumerate(names)}
        return [(r.id, r.path, numbers[r.class_name]) for r in rows if r.split == split]

    roles = assign_roles(sorted(splits), where=f"table {str(path)!r}")
    test = None if roles.test is None else list_files(of(roles.test))
    return Catalogue(tuple(names), list_files(of(roles.train)), test, roles.about)


def _read(path: Path, options: Mapping[str, str]) -> list[_Row]:
    columns = COLUMNS | dict(options)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            there = reader.fieldnames or []
            for role, column in columns.items():
                if column not in there and (role != "split" or role in options):
                    raise InputError(
                        f"table {str(path)!r} must have a column {column!r}, but has "
                        f"{', '.join(there) or 'none'}. Name the right one with ?{role}=COLUMN."
                    )
            rows: list[_Row] = []
            seen: dict[str, int] = {}
            for cells in reader:
                row = _row(path, reader.line_num, cells, columns)
                if row.id in seen:
                    raise _wrong(
                        path, reader.line_num, f"{row.id!r} is already in line {seen[row.id]}"
                    )
                seen[row.id] = reader.line_num
                rows.append(row)
    except OSError as error:
        raise InputError(
            f"table {str(path)!r} cannot be read ({error.strerror}). Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"table {str(path)!r} must be a table in UTF-8, but is not ({error}). Save it as such."
        ) from error
    if not rows:
        raise InputError(f"table {str(path)!r} must name images, but is empty. Add lines.")
    return rows


def _row(
    path: Path, line: int, cells: Mapping[str | None, str | None], columns: Mapping[str, str]
) -> _Row:
    if None in cells or None in cells.values():
        raise _wrong(path, line, "its number of cells is not the header's")
    values = {role: (cells.get(column) or "").strip() for role, column in columns.items()}
    for role in ("image", "label"):
        if not values[role]:
            raise _wrong(path, line, f"{columns[role]} is empty")
    if columns["split"] in cells and role_of(values["split"]) is None:
        raise _wrong(
            path, line, f"{columns['split']} must be train, val or test, but is {values['split']!r}"
        )
    file = path.parent / values["image"]
    if not file.exists():
        raise _wrong(path, line, f"there is no file {values['image']!r} beside the table")
    return _Row(values["image"], file, values["label"], values["split"])


def _wrong(path: Path, line: int, what: str) -> InputError:
    return InputError(f"table {str(path)!r}, line {line}: {what}. Correct the line.")
