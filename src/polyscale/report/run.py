"""What was read from a run folder, and the names and words that every section uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray

from polyscale import records
from polyscale.report.metric_words import MetricWords
from polyscale.report.names import FamilyStyle, family_styles, model_names, short_names
from polyscale.report.numbers import THROUGHPUT, TIMES, Axis
from polyscale.report.question_kinds import question_kinds
from polyscale.stats import find_contrast, paired_errors

Texts = NDArray[np.object_]
Statistics = Float[np.ndarray, "num_test num_statistics"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """What each candidate does on each test image; mappings are from the candidate.

    Attributes:
        ids: of the images, sorted.
        statistics: what the metric averages over images: whether each is right, or the columns
            that the task names; NaN where nothing of an image is known.
        labels: the true classes; None where an image has no single class.
        categories: of the question about each image; None where there are no questions.
        asked: the text of these questions; None where the rows do not hold it.
        predictions: what each candidate predicts, as text; empty for maps.
        correct: whether each is right; empty where images are neither right nor wrong.
        probability: what each gives to the true class; empty without labels.
        confidence: what each gives to the class that it names; empty where that is not known.
    """

    ids: Texts
    statistics: Mapping[str, Statistics]
    labels: Texts | None = None
    categories: Texts | None = None
    asked: Texts | None = None
    predictions: Mapping[str, Texts] = field(default_factory=dict)
    correct: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    probability: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    confidence: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)

    @cached_property
    def groups(self) -> dict[str, NDArray[np.int64]]:
        """What right answers are counted by, and its images: true classes, or kinds of question."""
        if self.categories is not None:
            return question_kinds(self.categories, self.asked)
        if self.labels is None:
            return {}
        return {name: np.flatnonzero(self.labels == name) for name in np.unique(self.labels)}

    @cached_property
    def known(self) -> dict[str, Statistics]:
        """The statistics without images of which nothing is known."""
        unknown = [np.isnan(rows).any(axis=1) for rows in self.statistics.values()]
        known = ~np.any(unknown, axis=0)
        return {name: rows[known] for name, rows in self.statistics.items()}

    @cached_property
    def index(self) -> dict[str, int]:
        """Id of an image → its row."""
        return {id_: i for i, id_ in enumerate(self.ids)}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A test image on which candidates differ: its id, true class, JPEG, width and height."""

    id: str
    label: str
    jpeg: bytes
    size_wh: tuple[int, int]


Target = Shaped[np.ndarray, "h w"]
"""Labels (int16, -1 where ignored) or metres (float32, NaN where unknown) of an image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MapImage:
    """A test image on which candidates differ in their pixels; mappings are from the candidate."""

    id: str
    jpeg: bytes
    size_wh: tuple[int, int]
    truth: Target
    predicted: Mapping[str, Target]
    scores: Mapping[str, float | None]  # on this image; None where nothing is known


@dataclass(frozen=True, kw_only=True, eq=False)
class Residuals:
    """A test image, and for each candidate where in it the target is left unexplained."""

    id: str
    jpeg: bytes
    size_wh: tuple[int, int]
    losses: Mapping[str, records.ResidualPicture]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What `polyscale compare` found: the files of its folder, under the names of the files.

    Attributes:
        folder: where it was read from, as the user named it.
        images: what each candidate does on each test image.
        pictures: test images on which candidates differ in their answers.
        hard_pictures: pictures of `hard`, by the id of the image.
        maps: test images on which candidates differ in their pixels.
        questions: what was asked, in a run of questions.
        answers: candidate → id of a question → how it was answered.
        films: what policies did in some episodes.
        residuals: where in some test images a reconstruction leaves something unexplained.
        date: when it was found, as ISO 8601.
        notes: what a reader of merged runs must know, as sentences.
    """

    folder: str = ""
    task: records.TaskRecord
    results: tuple[records.Result, ...]
    contrasts: tuple[records.Contrast, ...]
    verdicts: tuple[records.Verdict, ...]
    selection: tuple[records.SelectionGap, ...] = ()
    recommendation: records.Recommendation | None = None
    images: Images
    pictures: tuple[Picture, ...] = ()
    maps: tuple[MapImage, ...] = ()
    questions: tuple[records.QuestionRow, ...] = ()
    answers: Mapping[str, Mapping[str, records.AnswerRow]] = field(default_factory=dict)
    date: str
    cascades: tuple[records.Cascade, ...] = ()
    controls: tuple[records.Control, ...] = ()
    probes: Mapping[str, records.Probes] = field(default_factory=dict)
    repeats: records.Repeats | None = None
    arms: records.Arms | None = None
    capacity: records.Capacity | None = None
    episodes: records.Episodes | None = None
    films: tuple[records.FilmRow, ...] = ()
    reconstruction: records.Reconstruction | None = None
    residuals: tuple[Residuals, ...] = ()
    hard: tuple[records.HardExamples, ...] = ()
    hard_pictures: Mapping[str, Picture] = field(default_factory=dict)
    classes: records.ClassIous | None = None
    sizes: records.Sizes | None = None
    data: records.DataRecord | None = None
    floors: tuple[records.Floor, ...] = ()
    sheet: tuple[records.SheetPicture, ...] = ()
    failures: tuple[records.Failure, ...] = ()
    timing: records.Timing | None = None
    notes: tuple[str, ...] = ()

    @property
    def look(self) -> records.Look | None:
        """What the data hold, and pictures of them; None where the run has no such file."""
        return records.Look(data=self.data, pictures=self.sheet) if self.data else None

    @cached_property
    def words(self) -> MetricWords:
        """The words for the metric."""
        return MetricWords(self.task.metric, self.task.samples)

    @cached_property
    def errors(self) -> Mapping[frozenset[str], float]:
        """Standard errors of differences on the training images, by which candidates are chosen."""
        return paired_errors(self.selection, self.contrasts)

    @cached_property
    def models(self) -> dict[str, str]:
        """Backbone → its short name."""
        return model_names(self.results)

    @cached_property
    def names(self) -> dict[str, str]:
        """Candidate → its short name."""
        return short_names(self.results)

    @cached_property
    def styles(self) -> dict[str, FamilyStyle]:
        """Family → how it is drawn."""
        return family_styles(self.results)

    @cached_property
    def rows(self) -> dict[str, records.Result]:
        """Candidate → its row: families as they come, and within each by multiply-adds."""
        families = list(self.styles)
        ordered = sorted(self.results, key=lambda r: (families.index(r.family), r.macs))
        return {row.candidate: row for row in ordered}

    @property
    def counted(self) -> str:
        """What the costs of an image include, in words: for some tasks, also the head."""
        has_heads = any("macs" in result.probe for result in self.results)
        return "over all its tiles and views, with its head" if has_heads else "over all its tiles"

    @property
    def seed(self) -> int:
        """The seed of the run's resampling."""
        seed = self.results[0].settings.get("seed")
        return seed if isinstance(seed, int) and seed >= 0 else 0

    @property
    def throughput(self) -> dict[str, float]:
        """Images a second of each candidate, where that was measured."""
        return self.costs(THROUGHPUT)

    def contrast(self, first: str, second: str) -> records.Contrast:
        """The contrast of two candidates, turned round where it was written the other way."""
        return find_contrast(self.contrasts, first, second)

    @property
    def trusts_times(self) -> bool:
        """Whether times of the candidates may be compared."""
        return "latency_ms" in records.known_axes(self.results)

    def costs(self, axis: Axis) -> dict[str, float]:
        """Each candidate's cost, where it is known: older runs have no throughput.

        None has a time where times may not be compared.
        """
        if axis in TIMES and not self.trusts_times:
            return {}
        costs = {r.candidate: getattr(r, axis.key) for r in self.results}
        return {name: float(cost) for name, cost in costs.items() if cost}

    def at_scale_1(self, backbone: str) -> records.Result | None:
        """The row of a backbone at scale 1, if it was run."""
        return next((r for r in self.results if (r.backbone, r.scales) == (backbone, (1,))), None)

    def score_words(self, key: str) -> MetricWords:
        """The words for one of the other metrics of the rows; plain ones where there are none."""
        known = {metric.key: metric for metric in (self.task.metric, *self.task.scores)}
        return MetricWords(known.get(key) or records.Metric(key=key, name=key.replace("_", " ")))
