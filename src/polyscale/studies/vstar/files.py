"""From answers to the folder of a run, by the schema that every run has."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.data import categories_of
from polyscale.language.processor import num_read
from polyscale.language.views import SQUARE_HW, count_tower, tower_levels
from polyscale.records import (
    ANSWERS_FILE,
    LOG_FILE,
    METRICS,
    QUESTIONS_FILE,
    Answer,
    DataRecord,
    Metric,
    QuestionRow,
    Result,
    TaskRecord,
    append_log,
    write_json,
)
from polyscale.stats import RightShare, answer_of
from polyscale.studies.compare.family import family_of
from polyscale.studies.environment import versions
from polyscale.studies.run_folder import new_run
from polyscale.studies.vstar.plan import Protocol, VstarPlan
from polyscale.types import Candidate

FILES = (
    "task.json",
    "results.json",
    "contrasts.json",
    "data.json",
    ANSWERS_FILE,
    QUESTIONS_FILE,
    "gallery.parquet",
)
"""Of every run."""

NO_ANSWER = "no option"
"""Stands for the answer of a model that prefers none of the options."""

TRIALS = Metric(
    key="trials",
    name="Rotations",
    unit="%",
    about="the share of right answers over all rotations of the options; an answer counts as right "
    "if more than half of its rotations are",
)


def task_record(protocol: Protocol, categories: Sequence[str]) -> TaskRecord:
    """How a report reads a run. The protocol is part of the task: two never share a table."""
    kinds = [
        Metric(
            key=category,
            name=category.replace("_", " ").capitalize(),
            unit="%",
            about="the share of right answers to these questions",
        )
        for category in categories
    ]
    return TaskRecord(
        task=f"questions by {protocol}",
        metric=METRICS["accuracy"],
        scores=(*kinds, *([TRIALS] if protocol == "letters" else [])),
        images_file=ANSWERS_FILE,
        right_or_wrong=True,
        reduction="mean",
        samples="questions",
    )


def write_answers(
    plan: VstarPlan, answers: Sequence[Answer], questions: Sequence[QuestionRow], out: Path
) -> None:
    """Write the folder of a run, and add its row to the log beside it.

    Raises:
        RunError: if the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    task = task_record(plan.settings.protocol, categories_of(plan.data.test.questions))
    row = _result(plan, answers, task)
    table = pa.Table.from_pylist(_answer_rows(row.candidate, answers, questions), _schema())
    with new_run(out) as folder:
        contents: dict[str, Any] = {
            "task": task,
            "results": [row],
            "contrasts": [],
            "data": _data_record(plan),
        }
        for name, content in contents.items():
            write_json(folder / f"{name}.json", content)
        pq.write_table(table, folder / ANSWERS_FILE)
        pq.write_table(pa.Table.from_pylist([*map(asdict, questions)]), folder / QUESTIONS_FILE)
        pq.write_table(_no_pictures(), folder / "gallery.parquet")
    append_log(out.absolute().parent / LOG_FILE, out.absolute().name, task, [row])


def _result(plan: VstarPlan, answers: Sequence[Answer], task: TaskRecord) -> Result:
    """The model as a row; nothing is trained, and the costs are those of its vision tower."""
    test = plan.data.test
    options, shares = zip(*(answer_of(answer.losses) for answer in answers), strict=True)
    correct = np.array([option == 0 for option in options])
    levels, cost = (
        tower_levels(plan.model, plan.processor, SQUARE_HW),
        count_tower(plan.model, plan.processor),
    )
    scales = tuple(level.scale for level in levels)
    right = RightShare.of(correct)
    scores = {
        name: RightShare.of(correct[test.in_category(name)]).value
        for name in categories_of(test.questions)
    }
    if plan.settings.protocol == "letters":
        num_trials = np.array([len(answer.losses) for answer in answers])
        scores[TRIALS.key] = float(np.average(shares, weights=num_trials))
    config = plan.model.config
    return Result(
        candidate=str(Candidate(plan.name, scales)),
        backbone=plan.name,
        family=family_of(plan.name) or plan.name,
        scales=scales,
        tile_hw=levels[0].tile_hw,
        source="native",
        task=task.task,
        data=plan.data.name,
        metric=task.metric.key,
        higher_is_better=True,
        value=right.value,
        ci_low=right.ci_low,
        ci_high=right.ci_high,
        selection_value=right.value,
        num_train=0,
        num_test=len(test),
        num_tiles=sum(level.num_tiles for level in levels),
        feature_dim=config.vision_config.hidden_size * num_read(config.vision_feature_layer),
        params=sum(p.numel() for p in plan.model.parameters()),
        macs=cost.macs,
        flops=cost.flops,
        probe={"tower_params": cost.params, "language_params": _language_params(plan.model)},
        scores=scores,
        settings={**plan.facts, "date": datetime.now(timezone.utc).strftime("%Y-%m-%d")},
        versions=versions(),
    )


def _language_params(model: Any) -> int:
    return sum(prod(p.shape) for p in model.model.language_model.parameters())


def _answer_rows(
    candidate: str, answers: Sequence[Answer], questions: Sequence[QuestionRow]
) -> list[dict[str, Any]]:
    rows = []
    for answer, question in zip(answers, questions, strict=True):
        option, share = answer_of(answer.losses)
        rows.append(
            {
                "candidate": candidate,
                "label": question.options[0],
                "prediction": NO_ANSWER if option is None else question.options[option],
                "category": question.category,
                "correct": option == 0,
                "share": share,
                **answer.to_dict(),
            }
        )
    return rows


def _schema() -> Any:
    """Named in full: a column of empty lists has no type of its own."""
    import pyarrow as pa

    numbers, text = pa.list_(pa.float64()), pa.string()
    tiles = pa.struct(
        {"scale": pa.float64(), "tile_px": pa.float64(), "boxes_yxyx": pa.list_(numbers)}
    )
    columns = dict.fromkeys(("candidate", "id", "label", "prediction", "category"), text)
    columns |= {"correct": pa.bool_(), "share": pa.float64()}
    return pa.schema({**columns, "losses": pa.list_(numbers), "tiles": pa.list_(tiles)})


def _data_record(plan: VstarPlan) -> DataRecord:
    data = plan.data
    kinds = {name: len(data.test.in_category(name)) for name in data.categories}
    return DataRecord(
        name=data.name,
        about=data.about,
        num_train=0,
        num_test=len(data.test),
        classes={name: (0, num) for name, num in kinds.items()},
        grouped_by="category",
        num_counted=(0, len(data.test)),
        report=data.report,
    )


def _no_pictures() -> Any:
    """Every run has a gallery; the pictures of this one are with its questions."""
    import pyarrow as pa

    image = pa.struct({"bytes": pa.binary()})
    return pa.table(
        {"id": [], "label": [], "image": []},
        pa.schema({"id": pa.string(), "label": pa.string(), "image": image}),
    )
