"""A look at a data set: what it holds, and pictures of it. In memory, and as files of a run."""

from dataclasses import asdict, dataclass
from pathlib import Path

from polyscale.records.data import DataRecord

SHEET_FILE = "contact_sheet.parquet"


@dataclass(frozen=True, kw_only=True)
class SheetPicture:
    """A row of `contact_sheet.parquet`: a small picture with its target drawn over it.

    Attributes:
        group: class, label or range of numbers that it is an example of; empty where images have
            none. None for the other pictures: images of pairs, and those that are worth a look.
        split: "train" or "test".
        id: of the image.
        caption: its target in words; may be empty.
        bytes: a JPEG.
    """

    group: str | None
    split: str
    id: str
    caption: str
    bytes: bytes


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a data set holds, and pictures of it."""

    data: DataRecord
    pictures: tuple[SheetPicture, ...]

    def write_pictures(self, folder: Path) -> None:
        """Write the contact sheet into the folder of a run."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        text = pa.string()
        columns = {"group": text, "split": text, "id": text, "caption": text, "bytes": pa.binary()}
        rows = [asdict(picture) for picture in self.pictures]
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), folder / SHEET_FILE)
