"""What a run of segmentation or depth holds besides what every run holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyscale.errors import InputError
from polyscale.report.dense.answers import DenseAnswers, read_dense_answers
from polyscale.report.dense.gallery_file import DensePicture, read_dense_gallery
from polyscale.report.dense.tables import Classes, Sizes, make_classes, make_sizes
from polyscale.report.files import AGAIN, read_json


@dataclass(frozen=True, kw_only=True)
class Dense:
    """What a run of segmentation or depth has instead of predictions.

    Attributes:
        answers: what each candidate is worth on each test image.
        pictures: test images on which candidates differ, with what each makes of them.
        classes: of segmentation, IoU by class.
        sizes: of segmentation, IoU by size of object.
    """

    answers: DenseAnswers
    pictures: tuple[DensePicture, ...] = ()
    classes: Classes | None = None
    sizes: Sizes | None = None


def read_dense(folder: Path, names: Sequence[str], metric: str) -> Dense:
    """Read the files that only these runs have.

    Args:
        folder: of the run.
        names: of its candidates.
        metric: `miou` or `rmse`.

    Raises:
        InputError: if one is missing or damaged, or they do not belong together.
    """
    answers = read_dense_answers(folder / "images.parquet", names, metric)
    classes, sizes = None, None
    if metric == "miou":
        classes = read_json(folder / "classes.json", make_classes)
        sizes = read_json(folder / "sizes.json", make_sizes)
        _check_covers(folder / "classes.json", classes.iou, names)
        _check_covers(folder / "sizes.json", sizes.iou, names)
        num_statistics = next(iter(answers.statistics.values())).shape[1]
        if num_statistics != 2 * len(classes.names):
            raise InputError(
                f"{folder / 'images.parquet'} must hold {len(classes.names)} classes as "
                f"classes.json does, but holds {num_statistics // 2}. {AGAIN}"
            )
    num_classes = len(classes.names) if classes else 0
    pictures = read_dense_gallery(folder / "gallery.parquet", names, metric, num_classes)
    return Dense(answers=answers, pictures=pictures, classes=classes, sizes=sizes)


def _check_covers(path: Path, found: Iterable[str], names: Iterable[str]) -> None:
    missing = sorted(set(names) - set(found))
    if missing:
        raise InputError(f"{path} must hold every candidate, but has no {missing[0]}. {AGAIN}")
