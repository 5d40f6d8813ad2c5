"""The trained heads of a run as files, ready for `polyscale predict`."""

from pathlib import Path

from polyscale.learning.heads.head_file import save_head
from polyscale.records import Result
from polyscale.studies.compare.plan import ComparePlan
from polyscale.tasks import Evaluation


def head_file(number: int) -> str:
    """Name of the file of the head of a row, in the folder of the run."""
    return f"heads/{number}.safetensors"


def write_head(folder: Path, row: Result, evaluation: Evaluation, plan: ComparePlan) -> None:
    """Write the head of a candidate, if the task keeps it, where its row says."""
    if evaluation.saved is None:
        return
    file = folder / str(row.probe["file"])
    file.parent.mkdir(exist_ok=True)
    save_head(
        file,
        evaluation.saved.head,
        name=evaluation.saved.name,
        facts={
            "candidate": row.candidate,
            "backbone": row.backbone,
            "live": row.backbone in plan.live,
            "scales": list(row.scales),
            "weights_hash": plan.weights_hashes[row.backbone],
            "metric": row.metric,
            "value": row.value,
            "versions": dict(row.versions),
            "task": plan.task.name,
            "data": plan.data.name,
            **plan.settings.head_facts(),
            **plan.task.head_facts(plan.data),
            **evaluation.saved.facts,
        },
    )
