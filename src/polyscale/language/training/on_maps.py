"""Training on feature maps that are there already; only what was learned is kept."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyscale.features import MapSource, one_process
from polyscale.language.training.answer_loss import (
    AnswerLoss,
    prepare,
    projector_of,
    without_adapter,
)
from polyscale.language.training.batches import Collator
from polyscale.language.training.conversations import Conversations
from polyscale.language.training.folder import CHECKPOINTS, LOSSES
from polyscale.language.training.settings import LlavaTraining
from polyscale.language.training.train import in_order, run_trainer
from polyscale.learning.training import training_folder
from polyscale.learning.training.tensor_file import read_tensors, write_tensors
from polyscale.types import Progress, silent

LEARNED = "learned.safetensors"

KEY = "polyscale_learned"
"""Of the JSON in such a file."""

WHAT = "what a language model has learned"


@dataclass(frozen=True, kw_only=True)
class MapTraining:
    """How a training went.

    Attributes:
        losses: mean loss of the answers' tokens in each step of the optimiser, in nats.
        seconds: that it took; of one that was killed, since it went on.
    """

    losses: tuple[float, ...]
    seconds: float


def train_on_maps(
    llava: Any,
    processor: Any,
    data: Conversations,
    maps: MapSource,
    *,
    out: Path,
    settings: LlavaTraining,
    begin: Callable[[], object] = lambda: None,
    progress: Progress = silent,
) -> MapTraining:
    """Train in place, or take over what an equal training has learned.

    The language model is float32 afterwards, with LoRA merged: options may differ by less than half
    precision tells apart.

    Given the same arguments again, a training that was killed continues, and learns the same as it
    would have without the kill.

    Args:
        llava: of `make_map_llava`, just made.
        processor: of `make_map_llava`.
        data: what it learns from.
        maps: of the pictures of the data (num_pictures, h, w, channels).
        out: a folder for this training alone.
        settings: of the training.
        begin: called first, where the training was not finished before; it may fit the projector.
        progress: told after every step.

    Raises:
        RunError: if the disk refuses.
    """
    known = _take_over(llava, out / LEARNED, settings)
    if known is not None:
        return known
    start = time.perf_counter()
    begin()
    collator = Collator(processor=processor, pictures=data.pictures, features=maps)
    batches = in_order(processor, data, settings)
    facts = {name: repr(value) for name, value in asdict(settings).items()}
    with training_folder(out, facts, num_bytes=0), one_process(out):
        model = run_trainer(llava, batches, collator, out, settings, progress)
        losses = json.loads((out / LOSSES).read_text(encoding="utf-8"))
    about = {"losses": losses, "seconds": time.perf_counter() - start}
    write_tensors(out / LEARNED, AnswerLoss(llava).state_dict(), KEY, about, what=WHAT)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    _merge(model)
    return MapTraining(losses=tuple(losses), seconds=about["seconds"])


def _take_over(llava: Any, file: Path, settings: LlavaTraining) -> MapTraining | None:
    """What the file holds is put into the model; None where there is no such file, or no whole one.

    The loss of a damaged file is a training, which is then done again.
    """
    try:
        kept = read_tensors(file, KEY, what=WHAT)
    except (FileNotFoundError, ValueError):
        return None
    dtype = llava.dtype
    model, _ = prepare(llava, settings)
    AnswerLoss(llava).load_state_dict(kept.tensors)
    projector_of(llava).to(dtype)
    _merge(model)
    return MapTraining(losses=tuple(kept.about["losses"]), seconds=kept.about["seconds"])


def _merge(model: Any) -> None:
    without_adapter(model.float(), merge=True).requires_grad_(False).eval()
