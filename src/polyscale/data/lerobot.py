"""Data sets in the layout of LeRobot, version 3, whose frames are images in Parquet files.

The layout is documented at https://huggingface.co/docs/lerobot/lerobot-dataset-v3. Frames are read
when they are needed.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.demonstrations import Demonstrations
from polyscale.data.inspection_cache import InspectionCache
from polyscale.data.pictures import Pictures
from polyscale.decode import UnreadableImageError, read_image
from polyscale.errors import InputError, first_line, near_matches, require
from polyscale.types import Progress, silent

INFO = "meta/info.json"
SCENE_FILE = "meta/polyscale.json"
"""File that only we write: the simulated scene of the demonstrations."""

STATE = "observation.state"
PRIVILEGED = "observation.environment_state"
ACTION = "action"
EPISODE = "episode_index"
FRAME = "frame_index"

VERSION = "v3."

KEPT_GROUPS = 4
"""Row groups of frames that stay in memory: neighbours are read one after another."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What a folder in LeRobot's layout holds.

    Attributes:
        demonstrations: all episodes.
        fps: frames a second.
        scene: settings of the scene that `polyscale robot record` simulated; None in other data.
        simulator: the package names and versions that simulated it; empty in other data.
    """

    demonstrations: Demonstrations
    fps: float
    scene: Mapping[str, Any] | None
    simulator: Mapping[str, str]


def read_lerobot(
    folder: Path,
    *,
    camera: str | None = None,
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> Recording:
    """Read a data set of LeRobot, version 3, in image mode.

    Args:
        folder: of the data set: it holds `meta` and `data`.
        camera: which camera, where there are several; `wrist` for `observation.images.wrist`.
        cache: folder for the hashes of files, so that they are computed once; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if the folder holds no such data set, or it is damaged.
        MissingExtraError: if pyarrow is not installed.
    """
    require("pyarrow", extra="compare", feature=f"lerobot:{folder}")
    kinds, fps, num_frames = _read_info(folder)
    camera = _choose_camera(folder, kinds, camera)
    columns = _Columns.read(folder, kinds, camera)
    if num_frames not in (None, len(columns.frame)):
        raise _damaged(
            folder, f"it has {len(columns.frame)} frames, not {num_frames}, as {INFO} says"
        )
    names = tuple(
        f"episode-{episode:06d}/frame-{frame:06d}"
        for episode, frame in zip(columns.episode, columns.frame, strict=True)
    )
    read = _FrameReader(camera, columns, names)
    return Recording(
        Demonstrations(
            Pictures(names, read, _fingerprint(columns, camera, cache, progress)),
            columns.state,
            columns.action,
            np.unique(columns.episode, return_inverse=True)[1].astype(np.int64),
            columns.privileged,
        ),
        fps,
        *_read_scene(folder),
    )


class _Columns(NamedTuple):
    """All columns of a data set except the frames.

    `groups` says where the frames are: file, row group and the index of its first frame.
    """

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    privileged: NDArray[np.float32] | None
    episode: NDArray[np.int64]
    frame: NDArray[np.int64]
    groups: tuple[tuple[Path, int, int], ...]

    @classmethod
    def read(cls, folder: Path, features: Mapping[str, Any], camera: str) -> "_Columns":
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = [STATE, ACTION, EPISODE, FRAME, *([PRIVILEGED] if PRIVILEGED in features else [])]
        files = sorted(folder.glob("data/*/*.parquet"), key=_numbers_in)
        if not files:
            raise _damaged(folder, "there is no data/chunk-000/file-000.parquet")
        parts, groups, num_frames = list[dict[str, NDArray[Any]]](), [], 0
        for file in files:
            try:
                parquet = pq.ParquetFile(file)
                kind = parquet.schema_arrow.field(camera).type
                table = parquet.read(columns=names)
                if not len(table):
                    continue
                parts.append({n: _numbers(folder, n, table[n].combine_chunks()) for n in names})
            except (OSError, pa.ArrowException, KeyError) as error:
                raise _damaged(folder, f"{file.name}: {first_line(error)}") from error
            if not (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0):
                raise _damaged(folder, f"{file.name}: {camera} holds no bytes of images")
            for group in range(parquet.num_row_groups):
                groups.append((file, group, num_frames))
                num_frames += parquet.metadata.row_group(group).num_rows
        if not parts:
            raise _damaged(folder, "it has no frames")
        columns = {name: _joined(folder, name, [part[name] for part in parts]) for name in names}
        episode, frame = (columns[name][:, 0].astype(np.int64) for name in (EPISODE, FRAME))
        is_next = (np.diff(episode) == 0) & (np.diff(frame) == 1)
        is_first = (np.diff(episode) > 0) & (frame[1:] == 0)
        if frame[0] != 0 or not (is_next | is_first).all():
            raise _damaged(folder, "its frames are not in order, or some are missing")
        return cls(
            columns[STATE].astype(np.float32),
            columns[ACTION].astype(np.float32),
            columns[PRIVILEGED].astype(np.float32) if PRIVILEGED in columns else None,
            episode,
            frame,
            tuple(groups),
        )


class _FrameReader:
    """Reads a frame, and keeps the last row groups that frames were in; see `ReadImage`."""

    def __init__(self, camera: str, columns: _Columns, names: tuple[str, ...]) -> None:
        self._names = names
        self._groups = columns.groups
        self._starts = [start for _, _, start in columns.groups]
        self._encoded = lru_cache(KEPT_GROUPS)(lambda group: self._read_group(camera, group))

    def __call__(self, index: int, min_side: int | None = None) -> Image.Image:
        import pyarrow as pa

        group = bisect_right(self._starts, index) - 1
        try:
            encoded = self._encoded(group)[index - self._starts[group]].as_py()
        except (OSError, pa.ArrowException) as error:
            raise UnreadableImageError(self._names[index], first_line(error)) from error
        if not encoded:
            raise UnreadableImageError(self._names[index], "its bytes are not in the Parquet file")
        return read_image(encoded, name=self._names[index], min_side=min_side)

    def _read_group(self, camera: str, group: int) -> Any:
        import pyarrow.parquet as pq

        file, number, _ = self._groups[group]
        table = pq.ParquetFile(file).read_row_group(number, columns=[camera])
        return table[camera].combine_chunks().field("bytes")


def _read_info(folder: Path) -> tuple[dict[str, str], float, int | None]:
    """Feature → its dtype, frames a second, and the number of frames, where it is told."""
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
        version, features = str(info["codebase_version"]), dict(info["features"])
        kinds = {name: str(feature["dtype"]) for name, feature in features.items()}
        fps, num_frames = float(info["fps"]), info.get("total_frames")
    except FileNotFoundError as error:
        raise InputError(
            f"data must be a folder in LeRobot's layout, but {str(folder)!r} has no {INFO}. "
            "Check the path."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, f"{INFO}: {first_line(error)}") from error
    if not version.startswith(VERSION):
        raise InputError(
            f"data {str(folder)!r} must be of version 3 of LeRobot's layout, but is {version}. "
            "Convert it with lerobot.scripts.convert_dataset_v21_to_v30."
        )
    for name in (STATE, ACTION):
        if name not in kinds:
            raise InputError(
                f"data {str(folder)!r} must have the feature {name}, but has "
                f"{', '.join(kinds)}. Record it along."
            )
    return kinds, fps, num_frames


def _choose_camera(folder: Path, kinds: Mapping[str, str], camera: str | None) -> str:
    """The feature with the frames."""
    images = [name for name, kind in kinds.items() if kind == "image"]
    videos = [name for name, kind in kinds.items() if kind == "video"]
    if not images:
        raise InputError(
            f"data {str(folder)!r} must hold its frames as images, but has "
            f"{'only videos' if videos else 'no camera'}. Record it with use_videos=False."
        )
    if camera is None:
        if len(images) > 1:
            raise InputError(
                f"option camera of data must name one of {', '.join(images)}, but is missing. "
                f"Example: ?camera={images[0]}"
            )
        return images[0]
    chosen = [name for name in images if camera in (name, name.rpartition(".")[2])]
    if len(chosen) != 1:
        raise InputError(
            f"option camera of data must be one of {', '.join(images)}, but got {camera!r}."
            f"{near_matches(camera, images)}"
        )
    return chosen[0]


def _numbers_in(file: Path) -> tuple[list[int], str]:
    """Sorts `chunk-1000` after `chunk-999`."""
    path = f"{file.parent.name}/{file.name}"
    return list(map(int, re.findall(r"\d+", path))), path


def _numbers(folder: Path, name: str, column: Any) -> NDArray[Any]:
    """A column → (num_frames, numbers of a frame)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nested = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
    if nested and len(pc.unique(pc.list_value_length(column))) > 1:
        raise _damaged(folder, f"{name} has more numbers in one frame than in another")
    values = (column.flatten() if nested else column).to_numpy(zero_copy_only=False)
    if (
        not len(values)
        or values.dtype.kind not in "iuf"
        or column.null_count
        or not np.isfinite(values).all()
    ):
        raise _damaged(folder, f"{name} has values that are not finite numbers")
    return values.reshape(len(column), -1)


def _joined(folder: Path, name: str, parts: list[NDArray[Any]]) -> NDArray[Any]:
    """The columns of all files."""
    if len({part.shape[1] for part in parts}) > 1:
        raise _damaged(folder, f"{name} has more numbers in one file than in another")
    return np.concatenate(parts)


def _read_scene(folder: Path) -> tuple[Mapping[str, Any] | None, Mapping[str, str]]:
    """Settings of the scene, and versions of the simulator, of demonstrations that have a scene."""
    try:
        facts = json.loads((folder / SCENE_FILE).read_text(encoding="utf-8"))
        return dict(facts["scene"]), dict(facts["simulator"])
    except FileNotFoundError:
        return None, {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{SCENE_FILE}: {first_line(error)}") from error


def _fingerprint(
    columns: _Columns, camera: str, cache: str | Path | None, progress: Progress
) -> str:
    """Hash of all files and of the camera's name."""
    files = tuple(dict.fromkeys(file for file, _, _ in columns.groups))
    combined = blake2b(camera.encode(), digest_size=16)
    with closing(InspectionCache(cache)) as database:
        for done, file in enumerate(files, 1):
            path, stat = file.resolve(), file.stat()
            digest = database.digest(path, stat)
            if digest is None:
                digest = blake2b(file.read_bytes(), digest_size=16).digest()
                database.add_file(path, stat, digest)
            combined.update(digest)
            progress("data: demonstrations", done, len(files), "files")
        database.commit()
    return combined.hexdigest()


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(
        f"data {str(folder)!r} must be a complete LeRobot data set, but {reason}. "
        "Write it again, or check the path."
    )
