"""Writes data sets in LeRobot's layout, version 3: one episode at a time, the metadata at the end.

Each episode has a file of its own, which is either complete or absent. A recording that was killed
therefore continues where it stopped, and ends with the same bytes. Both `read_lerobot` and LeRobot
read these data sets.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.lerobot import ACTION, EPISODE, FRAME, INFO, PRIVILEGED, STATE, read_lerobot
from polyscale.errors import InputError, first_line
from polyscale.features import whole_file

DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"

STATISTICS = "meta/stats.json"
"""The file that is written last, so that it marks a complete data set."""

CHUNK_FILES = 1000
"""Number of files in a folder, as in LeRobot."""

SEED = b"polyscale.seed"
"""Key of the scene's seed in the metadata of an episode's file."""

PNG_LEVEL = 3
"""Compression level of frames, 0 to 9."""

INDICES = ("frame_index", "episode_index", "index", "task_index")


@dataclass(frozen=True, eq=False)
class Episode:
    """An episode as it is written.

    Attributes:
        frames: what the camera saw before each action, 8-bit RGB.
        states: see `Demonstrations`.
        actions: see `Demonstrations`.
        privileged: see `Demonstrations`.
        seed: seed of the scene.
    """

    frames: Sequence[UInt8[np.ndarray, "h w 3"]]
    states: Float32[np.ndarray, "num_frames num_state"]
    actions: Float32[np.ndarray, "num_frames num_action"]
    privileged: Float32[np.ndarray, "num_frames num_privileged"]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What all episodes of a data set have in common.

    Attributes:
        camera: name of the feature with the frames.
        size_hw: height and width of the frames in pixels.
        names: feature → names of its components, for states, privileged states and actions.
        fps: frames per second.
        robot: name of the robot.
        task: what the robot does, as a sentence.
    """

    camera: str
    size_hw: tuple[int, int]
    names: Mapping[str, tuple[str, ...]]
    fps: int
    robot: str
    task: str

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Feature → type and shape, as `meta/info.json` has them."""
        names = ["height", "width", "channels"]
        image = {"dtype": "image", "shape": [*self.size_hw, 3], "names": names}
        numbers = {
            name: {"dtype": "float32", "shape": [len(parts)], "names": list(parts)}
            for name, parts in self.names.items()
        }
        times = {"timestamp": {"dtype": "float32", "shape": [1], "names": None}}
        indices = {name: {"dtype": "int64", "shape": [1], "names": None} for name in INDICES}
        return {self.camera: image, **numbers, **times, **indices}


def episode_file(folder: Path, index: int) -> Path:
    """The path of an episode's file."""
    chunk, file = divmod(index, CHUNK_FILES)
    return folder / DATA_PATH.format(chunk_index=chunk, file_index=file)


def write_episode(
    folder: Path, layout: Layout, index: int, first_frame: int, episode: Episode
) -> None:
    """Write one episode.

    Args:
        folder: of the data set.
        layout: of all episodes.
        index: of the episode.
        first_frame: number of frames in all earlier episodes.
        episode: what was recorded.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    num, frame = len(episode.frames), np.arange(len(episode.frames))
    encoded = [{"bytes": encode_png(pixels), "path": None} for pixels in episode.frames]
    columns = {
        layout.camera: pa.array(encoded, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
        STATE: _vectors(episode.states),
        PRIVILEGED: _vectors(episode.privileged),
        ACTION: _vectors(episode.actions),
        "timestamp": pa.array((frame / layout.fps).astype(np.float32)),
        FRAME: pa.array(frame),
        EPISODE: pa.array(np.full(num, index)),
        "index": pa.array(first_frame + frame),
        "task_index": pa.array(np.zeros(num, np.int64)),
    }
    features = {name: _hugging_face(feature) for name, feature in layout.features.items()}
    facts = json.dumps({"info": {"features": features}})
    metadata = {b"huggingface": facts.encode(), SEED: str(episode.seed).encode()}
    table = pa.table({name: columns[name] for name in layout.features}, metadata=metadata)
    with whole_file(episode_file(folder, index)) as partial:
        pq.write_table(table, partial, row_group_size=num)


def read_seed(folder: Path, index: int) -> tuple[int, int] | None:
    """Seed and number of frames of an episode, or None if it has not been written.

    Raises:
        InputError: if its file is damaged, or was not written by a recording.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = episode_file(folder, index)
    if not file.exists():
        return None
    try:
        parquet = pq.ParquetFile(file)
        seed = int((parquet.schema_arrow.metadata or {})[SEED])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise InputError(
            f"out must hold whole episodes of a recording, but {str(file)!r} is none "
            f"({first_line(error)}). Delete this file, or choose another folder."
        ) from error
    return seed, int(parquet.metadata.num_rows)


def finish(folder: Path, layout: Layout) -> None:
    """Write the metadata of all recorded episodes, which completes the data set."""
    seeds, lengths = list[int](), list[int]()
    while (found := read_seed(folder, len(seeds))) is not None:
        seeds.append(found[0])
        lengths.append(found[1])
    _write_tasks(folder, layout)
    _write_episodes(folder, layout, seeds, lengths)
    info = {
        "codebase_version": "v3.0",
        "robot_type": layout.robot,
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "total_tasks": 1,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": layout.fps,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": DATA_PATH,
        "video_path": None,
        "features": layout.features,
    }
    write_json(folder / INFO, info)
    write_json(folder / STATISTICS, _statistics(folder, layout))


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON; the file is either complete or absent."""
    with whole_file(file) as partial:
        partial.write_text(json.dumps(content, indent=4), encoding="utf-8")


def encode_png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Encode an 8-bit RGB frame as PNG, without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def _vectors(rows: NDArray[np.float32]) -> Any:
    """(num_frames, numbers) → lists of a fixed length."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def _hugging_face(feature: Mapping[str, Any]) -> dict[str, Any]:
    """A feature as the library `datasets` describes it in the metadata of Parquet files."""
    value = {"dtype": feature["dtype"], "_type": "Value"}
    if feature["dtype"] == "image":
        return {"_type": "Image"}
    if feature["names"] is None:
        return value
    return {"feature": value, "length": feature["shape"][0], "_type": "Sequence"}


def _write_tasks(folder: Path, layout: Layout) -> None:
    """The one task, as LeRobot reads it: a table of pandas whose index is the sentence."""
    import pandas as pd

    tasks = pd.DataFrame({"task_index": [0]}, index=pd.Index([layout.task], name="task"))
    with whole_file(folder / "meta/tasks.parquet") as partial:
        tasks.to_parquet(partial)


def _write_episodes(
    folder: Path, layout: Layout, seeds: Sequence[int], lengths: Sequence[int]
) -> None:
    """Where each episode is, how long it is, and the seed of its scene."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ends = np.cumsum(lengths)
    chunk, file = np.divmod(np.arange(len(lengths)), CHUNK_FILES)
    zeros = np.zeros(len(lengths), np.int64)
    columns = {
        "episode_index": np.arange(len(lengths)),
        "tasks": [[layout.task]] * len(lengths),
        "length": lengths,
        "data/chunk_index": chunk,
        "data/file_index": file,
        "dataset_from_index": ends - lengths,
        "dataset_to_index": ends,
        "meta/episodes/chunk_index": zeros,
        "meta/episodes/file_index": zeros,
        "seed": seeds,
    }
    with whole_file(folder / EPISODES_PATH) as partial:
        pq.write_table(pa.table(columns), partial)


def _statistics(folder: Path, layout: Layout) -> dict[str, dict[str, Any]]:
    """Feature → minimum, maximum, mean, standard deviation and count.

    Pixels are those of the first frame of each episode, scaled to 0 to 1 as in LeRobot.
    """
    shown = read_lerobot(folder).demonstrations
    numbers = {STATE: shown.states, PRIVILEGED: shown.privileged, ACTION: shown.actions}
    statistics = {name: _of_rows(rows) for name, rows in numbers.items() if rows is not None}
    firsts = np.flatnonzero(np.diff(shown.episode_of, prepend=-1))
    pixels = np.stack([np.asarray(shown.read(int(index))) for index in firsts])
    # 3 channels, and a height and width of 1
    colours = _of_rows(pixels.reshape(-1, 3, 1, 1) / 255)
    colours["count"] = [len(firsts)]
    return {layout.camera: colours, **statistics}


def _of_rows(rows: NDArray[Any]) -> dict[str, Any]:
    found = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    return {name: values.tolist() for name, values in found.items()} | {"count": [len(rows)]}
