"""A language model that learns to answer from the maps of a candidate, and how it is judged."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import nn

from polyscale.data import Questions
from polyscale.features import MapSource, StandardisedMaps, channel_statistics, weights_hash
from polyscale.operator.multiscale.precision import PRECISIONS
from polyscale.stats import preferred
from polyscale.tasks.evaluation import Case, Scores
from polyscale.tasks.questions.places import Places
from polyscale.tasks.questions.settings import QuestionSettings, QuestionSplit

NO_ANSWER = "(several options are equally likely)"

TOGETHER = 16
"""Questions about one picture that go through the language model in one sequence, at most."""

ALPHA = 2
"""LoRA's alpha in ranks, as LLaVA-1.5 has it."""

PROJECTOR_SHARE = 0.5
"""Of LoRA's learning rate: the projector has learned something before."""

SAVE_EVERY = 25
"""Steps of training that a killed run loses at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """A language model that has learned from the maps of a candidate.

    Attributes:
        case: the candidate.
        llava: the language model with its projector.
        processor: of questions.
        standardise: maps of the candidate → as the projector takes them.
        metric: what it is judged by.
        facts: how it was trained, for the row of results.
    """

    case: Case
    llava: Any
    processor: Any
    standardise: Callable[[MapSource], MapSource]
    metric: str
    facts: dict[str, Any]

    def judge(self, questions: Questions, maps: MapSource, what: str) -> Scores:
        """Every question by the likelihood of its options.

        Args:
            questions: to be answered.
            maps: of their pictures.
            what: how progress calls them.
        """
        from polyscale.language.maps import answer_losses

        losses = answer_losses(
            self.llava,
            self.processor,
            questions,
            self.standardise(maps),
            step=f"{self.case.candidate}: {what}",
            progress=self.case.progress,
        )
        return score(questions, losses, self.metric)


def score(
    questions: Questions, losses: Sequence[Sequence[float]], metric: str = "accuracy"
) -> Scores:
    """Which questions are answered correctly, from the losses of their options.

    Args:
        questions: that were asked.
        losses: of the options of each, of which the first is right.
        metric: "accuracy", or "answer_loss": the loss of right answers.
    """
    best = [preferred(own) for own in losses]
    correct = np.array([option == 0 for option in best])
    right = np.array([own[0] for own in losses])
    answers = [
        NO_ANSWER if option is None else question.options[option]
        for question, option in zip(questions.questions, best, strict=True)
    ]
    values = {"accuracy": float(correct.mean()), "answer_loss": float(right.mean())}
    columns = {"accuracy": correct.astype(np.float64), "answer_loss": right}
    return Scores(
        value=values.pop(metric),
        others=values,
        columns={
            "category": [question.category for question in questions.questions],
            "question": [question.text for question in questions.questions],
            "label": [question.options[0] for question in questions.questions],
            "prediction": answers,
            "correct": correct,
            "answer_loss": right.astype(np.float32),
        },
        image_scores=columns[metric],
        correct=correct if metric == "accuracy" else None,
        statistics=columns[metric][:, None],
    )


def learn_to_answer(case: Case, number: int, metric: str) -> Learner:
    """Train the language model of the settings on the training questions.

    It is kept in the store like features are, and a training that was interrupted continues.

    Args:
        case: a candidate, and the `QuestionSplit` of the run.
        number: of the training: 0, 1, … of several seeds.
        metric: what it is judged by.
    """
    from polyscale.language.maps import make_map_llava
    from polyscale.language.training import from_questions
    from polyscale.language.training.on_maps import train_on_maps

    settings: QuestionSettings = case.settings
    split: QuestionSplit = case.prepared
    training = _training(settings, number)
    llava, processor = make_map_llava(
        channels=case.train.shape[3],
        language=settings.language,
        dtype=PRECISIONS[settings.precision] or torch.float32,
        seed=training.seed,
    )
    llava.to(settings.device)
    statistics = channel_statistics(case.train, np.unique(split.learn.picture_of))

    def standardise(maps: MapSource) -> MapSource:
        return StandardisedMaps(maps, *statistics)

    done = train_on_maps(
        llava,
        processor,
        from_questions(case.data.name, split.learn),
        standardise(case.train),
        out=case.store.folder / _fingerprint(case, training, llava) / "answers",
        settings=training,
        begin=lambda: _align(case, llava, processor, standardise(case.train), training.seed),
        progress=_named(case, number),
    )
    height, width = case.module.plan.grid_hw
    facts = {
        "head": f"{settings.language} with a new projector and LoRA of rank {settings.rank}",
        "training": asdict(training),
        "params": sum(p.numel() for p in llava.parameters()),
        "picture_tokens": height * width,
        "steps": len(done.losses),
        "train_s": done.seconds,
        "loss": fmean(done.losses[-len(done.losses) // 10 :]),
        "losses": list(done.losses),
    }
    return Learner(
        case=case,
        llava=llava,
        processor=processor,
        standardise=standardise,
        metric=metric,
        facts=facts,
    )


def _align(case: Case, llava: Any, processor: Any, maps: MapSource, seed: int) -> None:
    """Fit the projector to the names of objects, where the settings and the questions allow it."""
    from polyscale.language.training.align import align_projector

    places = Places.of(case.prepared.learn, case.module.plan.grid_hw)
    if case.settings.align and places is not None:
        align_projector(
            llava, processor, maps, places.pictures, places.cells, places.names, seed=seed
        )


def _training(settings: QuestionSettings, number: int) -> Any:
    from polyscale.language.training import LlavaTraining

    return LlavaTraining(
        stage="lora",
        epochs=settings.epochs,
        batch_size=settings.batch,
        questions=TOGETHER,
        learning_rate=settings.rate,
        projector_learning_rate=PROJECTOR_SHARE * settings.rate,
        precision=settings.precision,
        lora_rank=settings.rank,
        lora_alpha=ALPHA * settings.rank,
        lora_dropout=0.0,
        save_every=SAVE_EVERY,
        seed=settings.seed + number,
    )


def _fingerprint(case: Case, training: Any, llava: Any) -> str:
    """Changes with everything that a trained language model depends on."""
    split: QuestionSplit = case.prepared
    return case.store.key(
        {
            "maps": list(case.feature_keys),
            "questions": [split.learn.target_fingerprint, split.learn.picture_of.tolist()],
            "language": case.settings.language,
            "align": case.settings.align,
            "weights": _weights(llava.model.language_model),
            **asdict(training),
        }
    )


def _weights(language_model: Any) -> str:
    """Changes with the weights, but not with the new embedding of the picture's token.

    That is drawn from a distribution whose rounding depends on the number of threads, and is never
    read. A training must be found again on a machine with others.
    """
    embeddings = language_model.get_input_embeddings()
    body: Any = nn.ModuleList(p for p in language_model.children() if p is not embeddings)
    return weights_hash(body)


def _named(case: Case, number: int) -> Any:
    """Progress that says whose training it is."""
    step = f"{case.candidate}: training{f', seed {number + 1}' if number else ''}"

    def tell(_: str, done: int, total: int, unit: str, **more: Any) -> None:
        case.progress(step, done, total, unit, **more)

    return tell
