"""The task `questions`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image, ImageDraw

from polyscale.data import QuestionData, Questions, load_questions
from polyscale.errors import InputError
from polyscale.records import METRICS, Metric
from polyscale.tasks.evaluation import Baseline, Case, Evaluation, Scores, spread_of_seeds
from polyscale.tasks.files import GALLERY_PX, answers_table, jpeg, most_divided
from polyscale.tasks.groups import ImageGroups, by_class, small_picture
from polyscale.tasks.questions.learner import learn_to_answer
from polyscale.tasks.questions.settings import QuestionSettings, QuestionSplit, some_of
from polyscale.tasks.task import Task
from polyscale.types import Candidate

GALLERY_SIZE = 24

NUM_JUDGED = 256
"""Training questions that are judged, at most: of those that were learned from, and of others."""

BOX_COLOUR = "#ffd400"


class QuestionAnswering(Task):
    """A language model for each candidate, and exact tests of which questions it answers.

    The features of a picture go through a new projector of two layers, as in LLaVA-1.5, and stand
    before the question. The projector and LoRA in the language model learn the right answers to the
    training questions. A test question counts as answered where the right option is the likeliest
    one, as V* bench judges it.
    """

    name = "questions"
    sources = "needles (embedded), folder:PATH in the layout of V* bench with train/ and test/"
    metric = replace(
        METRICS["accuracy"], sentence="answers {value} of {num} test questions correctly", second=""
    )
    other_metrics = (
        Metric(
            key="answer_loss",
            name="Loss of the right answer",
            higher_is_better=False,
            about="the mean negative log-likelihood of a token of the right answer, in nats",
        ),
    )
    settings_type = QuestionSettings
    data_type = QuestionData
    loader = staticmethod(load_questions)
    right_or_wrong = True
    grouped_by = "category"
    images_file: ClassVar[str] = "answers.parquet"
    train_samples = "training questions"
    samples = "test questions"
    chosen_on = "training questions"
    blind = (
        "The same language model is trained in the same way, but all pictures are the same to it."
    )

    def check_data(self, data: Any) -> None:
        """Raise an InputError also for data without questions to learn from."""
        super().check_data(data)
        if len(data.train.pictures) < 2:
            raise InputError(
                f"data {data.name} must have training questions about at least two pictures, as "
                f"one of them chooses among candidates, but has {len(data.train.pictures)}. Add "
                "some, or judge a model that is trained with polyscale vstar."
            )

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """The questions, and how they are judged."""
        return {
            "train_targets": data.train.target_fingerprint,
            "test_targets": data.test.target_fingerprint,
            "features": "per scale: the map on the grid of one tile, each channel standardised",
            "judged": "the option with the smallest mean negative log-likelihood per token, the "
            "end of the turn included (V* bench, likelihood)",
            **super().facts(data, settings),
        }

    def prepare(self, data: Any, settings: Any) -> QuestionSplit:
        """Which questions are learned from, and which are held out."""
        return QuestionSplit.of(data, settings)

    def floors(self, data: Any, settings: Any) -> tuple[Baseline, ...]:
        """Guessing, which has an accuracy and no loss."""
        if not self.right_or_wrong:
            return ()
        share = np.array([1 / len(question.options) for question in data.test.questions])
        scores = Scores(
            value=float(share.mean()), columns={}, image_scores=share, statistics=share[:, None]
        )
        return (
            Baseline(name="chance", about="Every option is taken equally often.", scores=scores),
        )

    def evaluate(self, case: Case) -> Evaluation:
        """Train a language model for each seed; the first one is judged in full."""
        split: QuestionSplit = case.prepared
        held, seen = (some_of(own, NUM_JUDGED) for own in (split.held, split.learn))
        learner = learn_to_answer(case, 0, self.metric.key)
        with case.stage("judging"):
            scores = learner.judge(case.data.test, case.test, "test questions")
            selection = learner.judge(held, case.train, "held-out questions")
            train = learner.judge(seen, case.train, "training questions")
        others = [self._value(case, number) for number in range(1, case.settings.seeds)]
        return Evaluation(
            scores=scores,
            selection=selection,
            train_value=train.value,
            facts={**learner.facts, **spread_of_seeds([scores.value, *others])},
            module=case.module,
            feature_dim=case.module.out_channels,
            num_train=len(split.learn),
            num_tiles=case.module.plan.num_tiles,
        )

    def _value(self, case: Case, number: int) -> float:
        """The accuracy of another training."""
        learner = learn_to_answer(case, number, self.metric.key)
        with case.stage("judging"):
            step = f"test questions, seed {number + 1}"
            return learner.judge(case.data.test, case.test, step).value

    def groups(self, images: Any, data: Any) -> ImageGroups:
        """By category."""
        names = data.categories
        numbers = np.array([names.index(question.category) for question in images.questions])
        return by_class(numbers.astype(np.int64), names)

    def draw(self, images: Any, index: int, data: Any, side_px: int) -> tuple[Image.Image, str]:
        """A picture with boxes around what must be found, the question and its answer."""
        return boxed(images, index, side_px), asked(images, index)

    def gallery(self, evaluations: Mapping[Candidate, Evaluation], data: Any, prepared: Any) -> Any:
        """Questions on which candidates differ, the most divided first."""
        scores = [evaluation.scores.image_scores for evaluation in evaluations.values()]
        return answers_table(
            (data.test.ids[i], asked(data.test, i), jpeg(boxed(data.test, i, GALLERY_PX)))
            for i in most_divided(scores, GALLERY_SIZE)
        )


def asked(questions: Questions, index: int) -> str:
    """A question and its right answer."""
    question = questions.questions[index]
    return f"{question.text} {question.options[0]}"


def boxed(questions: Questions, index: int, side_px: int) -> Image.Image:
    """The picture of a question, `side_px` at most, with boxes around what must be found."""
    whole = questions.read(index)
    picture = small_picture(whole, side_px).convert("RGB")
    scale = picture.width / whole.width
    pen = ImageDraw.Draw(picture)
    for left, top, width, height in questions.questions[index].boxes_xywh_px:
        corners = [scale * each for each in (left, top, left + width, top + height)]
        pen.rectangle(corners, outline=BOX_COLOUR, width=max(1, side_px // 150))
    return picture
