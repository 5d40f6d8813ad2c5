"""Writes the files of a run about its episodes."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from polyscale.data import EvaluationScenes
from polyscale.records import FILMS_FILE, Episodes, FilmRow, write_json
from polyscale.robot import SceneSettings
from polyscale.tasks.evaluation import Scores
from polyscale.tasks.files import most_divided

EPISODES_FILE = "episodes.json"

NUM_FILMS = 4
"""Number of scenes of which the films of all candidates are kept."""

MAX_FILM_BYTES = 300_000
"""Larger films are left out, so that a page of them stays small."""


def write_episodes(
    folder: Path,
    scenes: EvaluationScenes,
    scores: Mapping[str, Scores],
    scene: SceneSettings,
) -> None:
    """Write where episodes began, and how often each candidate succeeded there."""
    record = Episodes(
        ids=scenes.ids,
        xy_m=tuple((float(x), float(y)) for x, y in scenes.cube_xy_m),
        success={name: tuple(own.image_scores.tolist()) for name, own in scores.items()},
        num_policies=len(next(iter(scores.values())).details),
        map_words=_map_words(scene),
    )
    write_json(folder / EPISODES_FILE, record)


def _map_words(scene: SceneSettings) -> str:
    """Where robot and camera are on a map with x to the right and y upwards."""
    sides = ("to the left", "at the bottom", "to the right", "at the top")
    side = sides[round(scene.camera_azimuth_deg / 90) % 4]
    return f"The robot stands to the left of a map, and the camera is {side}."


def write_films(folder: Path, scenes: EvaluationScenes, scores: Mapping[str, Scores]) -> None:
    """Write films of the scenes on which candidates differ most, to show successes and failures."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    shown = most_divided([own.image_scores for own in scores.values()], NUM_FILMS, equal_too=True)
    for index in shown:
        for name, own in scores.items():
            episode = own.details[0][index]
            if episode.film is not None and len(episode.film) <= MAX_FILM_BYTES:
                row = FilmRow(
                    candidate=name,
                    id=scenes.ids[index],
                    success=episode.success,
                    steps=episode.steps,
                    bytes=episode.film,
                )
                rows.append(asdict(row))
    columns = {"candidate": pa.string(), "id": pa.string(), "success": pa.bool_()}
    columns |= {"steps": pa.int64(), "bytes": pa.binary()}
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), folder / FILMS_FILE)
