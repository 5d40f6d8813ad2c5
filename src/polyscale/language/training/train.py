"""`train_llava`: one stage of training, from a model to a folder that holds the next."""

import json
import shutil
from contextlib import nullcontext
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.integrations import TensorBoardCallback

from polyscale.errors import InputError, require
from polyscale.features import FeatureStore, default_cache, one_process, whole_folder
from polyscale.features.files import delete
from polyscale.language.config import S2VisionConfig
from polyscale.language.processor import check_llava
from polyscale.language.training.answer_loss import (
    AnswerLoss,
    linear_layers,
    prepare,
    projector_of,
    without_adapter,
)
from polyscale.language.training.batches import Collator, InOrder
from polyscale.language.training.conversations import Conversations
from polyscale.language.training.folder import (
    ADAPTER,
    CHECKPOINTS,
    LOSSES,
    MODEL,
    TENSORBOARD,
    TrainedLlava,
    finished_training,
    read_training,
    training_facts,
)
from polyscale.language.training.kept_features import keep_features, without_tower
from polyscale.language.training.sequences import (
    encode,
    order_batches,
    share_pictures,
)
from polyscale.language.training.settings import LlavaTraining
from polyscale.language.weights import no_bars
from polyscale.learning.training import training_folder
from polyscale.types import Progress, silent

WHOLE = "whole"
"""File in a checkpoint that was written to its end, with a checksum of the others."""

BLOCK_BYTES = 2**24

NUM_CHECKPOINTS = 2
"""That are kept: a kill while one is written leaves the one before."""


def train_llava(
    llava: Any,
    processor: Any,
    data: Conversations,
    *,
    out: str | Path,
    settings: LlavaTraining | None = None,
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> TrainedLlava:
    """Train one stage; given the same arguments again, a killed training continues.

    It then learns the same as it would have without the kill. A training that is finished already
    is read from its folder.

    Args:
        llava: a `LlavaForConditionalGeneration`. It is trained in place.
        processor: its `LlavaProcessor`.
        data: what it learns from.
        out: folder of the training: `model/`, `tensorboard/`, losses, and checkpoints meanwhile.
        settings: of the training.
        cache: folder for features of the tower; None is polyscale's in the user's cache.
        progress: told after every step.

    Raises:
        InputError: if `out` holds another training, naming what differs; or if data or settings do
            not fit the model.
        MissingExtraError: if a package is not installed.
        RunError: if the disk is full or refuses.
    """
    require("tensorboard", extra="language", feature="training a LLaVA")
    settings, out = settings or LlavaTraining(), Path(out)
    _check(llava, processor, settings)
    facts = training_facts(llava, processor, data, settings)
    if (finished := finished_training(out, facts)) is not None:
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)  # if it was killed at the very end
        return finished
    batches = in_order(processor, data, settings)
    with training_folder(out, facts, _bytes_needed(llava, settings)), one_process(out):
        features = None
        if settings.cache_features:
            features = keep_features(
                llava,
                processor,
                data.pictures,
                store=FeatureStore(cache or default_cache()),
                precision=settings.precision,
                progress=progress,
            )
        collator = Collator(processor=processor, pictures=data.pictures, features=features)
        model = run_trainer(llava, batches, collator, out, settings, progress)
        _write(model, processor, out, settings)
    return read_training(out)


def in_order(processor: Any, data: Conversations, settings: LlavaTraining) -> InOrder:
    """The sequences of a whole training, in the order in which they are seen."""
    sequences = share_pictures(
        [encode(processor, each, max_tokens=settings.max_tokens) for each in data.entries],
        settings.questions,
        processor.image_token_id,
    )
    order = order_batches(
        [len(each["ids"]) for each in sequences],
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=settings.seed,
    )
    return InOrder(sequences=sequences, order=order)


def run_trainer(
    llava: Any,
    batches: InOrder,
    collator: Collator,
    out: Path,
    settings: LlavaTraining,
    progress: Progress,
) -> Any:
    """The trained LLaVA, with LoRA in it where the stage has that; its losses are written."""
    from torch.utils.tensorboard import SummaryWriter

    set_seed(settings.seed)
    dtype = llava.dtype
    model, groups = prepare(llava, settings)
    tower = without_tower(llava) if collator.features is not None else nullcontext()
    with tower, SummaryWriter(str(out / TENSORBOARD)) as writer:
        trainer = Trainer(
            AnswerLoss(llava),
            _arguments(out, settings),
            data_collator=collator,
            train_dataset=batches,
            optimizers=(torch.optim.AdamW(groups, weight_decay=settings.weight_decay), None),
            callbacks=[_Marks(), _Reports(progress), TensorBoardCallback(writer)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=_last_checkpoint(out))
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    (out / LOSSES).write_text(json.dumps(losses), encoding="utf-8")
    projector_of(llava).to(dtype)
    return model


def _arguments(out: Path, settings: LlavaTraining) -> TrainingArguments:
    """What the stock `Trainer` is told. The data come in their order, with all epochs in one."""
    return TrainingArguments(
        output_dir=str(out / CHECKPOINTS),
        num_train_epochs=1,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        train_sampling_strategy="sequential",
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        use_cpu=not torch.cuda.is_available(),
        dataloader_num_workers=settings.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        save_strategy="steps",
        save_steps=settings.save_every,
        save_total_limit=NUM_CHECKPOINTS,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        seed=settings.seed,
    )


def _write(model: Any, processor: Any, out: Path, settings: LlavaTraining) -> None:
    """The folder of the model, which comes last and makes the training finished."""
    if settings.keep_adapter and settings.stage == "lora":
        delete(out / ADAPTER)  # of a training that was killed before it wrote the model
        with whole_folder(out / ADAPTER) as folder:
            model.save_pretrained(folder)
    llava = without_adapter(model, merge=not settings.keep_adapter)
    llava.requires_grad_(False).eval()
    with whole_folder(out / MODEL) as folder, no_bars():
        llava.save_pretrained(folder)
        processor.save_pretrained(folder)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def _check(llava: Any, processor: Any, settings: LlavaTraining) -> None:
    """What must fit before anything is computed."""
    if isinstance(llava.config.vision_config, S2VisionConfig):
        check_llava(llava, processor)
    attention = llava.config.text_config._attn_implementation
    if settings.questions > 1 and attention != "sdpa":
        raise InputError(
            f"questions must be 1 for attention {attention!r}, which cannot keep questions in one "
            f"sequence apart, but got {settings.questions}. Load the model with "
            "attn_implementation='sdpa'."
        )
    if settings.precision == "fp16" and not torch.cuda.is_available():
        raise InputError("precision must be fp32 or bf16 without a GPU, but got 'fp16'. Change it.")


def _bytes_needed(llava: Any, settings: LlavaTraining) -> int:
    """The model, and checkpoints of what is trained with the two moments of AdamW.

    One checkpoint more is there while the oldest of them gives way to a new one.
    """
    model = sum(p.numel() * p.element_size() for p in llava.parameters())
    trained = sum(p.numel() for p in projector_of(llava).parameters())
    if settings.stage == "lora":
        layers = linear_layers(llava).values()
        trained += settings.lora_rank * sum(each.in_features + each.out_features for each in layers)
    return model + (NUM_CHECKPOINTS + 1) * 3 * 4 * trained


def _last_checkpoint(out: Path) -> str | None:
    """The last checkpoint that is as it was written."""
    marks = (out / CHECKPOINTS).glob(f"checkpoint-*/{WHOLE}")
    whole = (str(m.parent) for m in marks if m.read_bytes() == _checksum(m.parent))
    return max(whole, key=_step_of, default=None)


def _checksum(checkpoint: Path) -> bytes:
    """Of the names and bytes of all files."""
    digest = blake2b(digest_size=16)
    for file in sorted(checkpoint.iterdir()):
        if file.name != WHOLE:
            digest.update(f"{file.name} {file.stat().st_size} ".encode())
            with file.open("rb") as opened:
                while block := opened.read(BLOCK_BYTES):
                    digest.update(block)
    return digest.hexdigest().encode()


def _step_of(checkpoint: str) -> int:
    return int(checkpoint.rpartition("-")[2])


class _Marks(TrainerCallback):  # type: ignore[misc]
    """Marks checkpoints that are whole with their checksum: a kill leaves parts of one."""

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (checkpoint / WHOLE).write_bytes(_checksum(checkpoint))


class _Reports(TrainerCallback):  # type: ignore[misc]
    """Tells progress after every step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        if "loss" in logs:  # of a step, not the summary at the end
            note = f"loss {logs['loss']:.3f}"
            self._progress("training", state.global_step, state.max_steps, "steps", note=note)
