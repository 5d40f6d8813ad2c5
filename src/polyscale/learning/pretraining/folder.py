"""The files that a pre-training leaves in its folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from polyscale.features import whole_file

MODEL, TENSORBOARD = "model", "tensorboard"
"""Folders inside the folder of a pre-training."""

CHECKPOINT, RESULTS = "checkpoint.safetensors", "results.json"


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """The result of a pre-training.

    Attributes:
        model: folder of the backbone, without a head: the source `timm:FOLDER`.
        losses: the loss of every step.
        steps: number of steps of the optimiser.
        images: number of images seen; each counts as often as it was seen.
        forward_macs: multiply-adds of the backbone for one image at all scales.
        macs_per_image: multiply-adds of the backbone to train on one image once, with all views,
            the teacher of dino, and what `checkpoint` computes again. A backward pass counts as two
            forward passes, as is usual. Heads are not counted.
        macs: multiply-adds of the whole training.
        seconds: duration of the training, including the time before an interruption.
    """

    model: Path
    losses: tuple[float, ...]
    steps: int
    images: int
    forward_macs: int
    macs_per_image: int
    macs: int
    seconds: float

    @property
    def final_loss(self) -> float:
        """Mean of the last tenth of the steps."""
        last = self.losses[-max(1, self.steps // 10) :]
        return sum(last) / len(last)

    @property
    def source(self) -> str:
        """The model as `polyscale.load`, `compare` and others take it."""
        return f"timm:{self.model}"


def write_results(out: Path, pretrained: Pretrained) -> None:
    """Write everything except the path of the model, which is always the same."""
    content = asdict(pretrained)
    del content["model"]
    with whole_file(out / RESULTS) as partial:
        partial.write_text(json.dumps(content, indent=2), encoding="utf-8")


def read_pretrained(out: Path) -> Pretrained | None:
    """What the folder of a finished pre-training holds; None where it is not finished."""
    if not (out / MODEL).is_dir():
        return None
    content = json.loads((out / RESULTS).read_text(encoding="utf-8"))
    return Pretrained(**{**content, "model": out / MODEL, "losses": tuple(content["losses"])})
