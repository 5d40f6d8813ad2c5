"""What is asked of which model: read and checked before it sees a picture."""

from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args

from polyscale.checks import check_flag, check_integers
from polyscale.data import QuestionData, load_questions, with_limit
from polyscale.errors import InputError, near_matches
from polyscale.features import weights_hash
from polyscale.language import S2VisionConfig
from polyscale.language.loading import load_llava
from polyscale.language.processor import check_llava
from polyscale.language.scoring import Query
from polyscale.operator.multiscale.runner import check_device
from polyscale.types import Progress, silent

Protocol = Literal["likelihood", "letters"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


@dataclass(frozen=True, kw_only=True)
class VstarSettings:
    """How questions are asked.

    Attributes:
        protocol: *likelihood* scores each option as the answer, without showing the options;
            *letters* lists them and scores the letters, every option at every position once.
        blind: whether the model is shown no picture: what it knows without looking.
        batch: questions that run together. Sums of floating-point numbers depend on it a little.
        dtype: of the weights: auto (as they were saved), fp32, bf16 or fp16.
        device: where the model runs: cpu, cuda, or auto (cuda if there is such a device).
    """

    protocol: Protocol = "likelihood"
    blind: bool = False
    batch: int = 1
    dtype: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise InputError(
                f"protocol must be {' or '.join(PROTOCOLS)}, but got {self.protocol!r}."
                f"{near_matches(str(self.protocol), PROTOCOLS)}"
            )
        check_flag("blind", self.blind)
        check_integers(self, "batch")
        object.__setattr__(self, "device", str(check_device(self.device)))


@dataclass(frozen=True, kw_only=True, eq=False)
class VstarPlan:
    """Everything that a run needs.

    Attributes:
        name: of the model, by which runs are told apart.
        model: a `LlavaForConditionalGeneration`.
        processor: its processor.
        data: whose test questions are asked.
        settings: how.
    """

    name: str
    model: Any
    processor: Any
    data: QuestionData
    settings: VstarSettings

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All that answers depend on, as JSON. Runs are compared that share data and protocol."""
        data, processor = self.data, self.processor
        template = getattr(processor, "chat_template", None) or processor.tokenizer.chat_template
        return {
            "model": self.name,
            "weights": weights_hash(self.model),
            "data": data.name,
            **asdict(self.settings),
            "train_fingerprint": "not used",
            "test_fingerprint": data.test.fingerprint,
            "test_targets": data.test.target_fingerprint,
            "image_processor": _digest(sorted(processor.image_processor.to_dict().items())),
            "chat_template": _digest(template),
        }


def plan_vstar(
    model: str | tuple[Any, Any],
    data: str | QuestionData,
    settings: VstarSettings | None = None,
    *,
    name: str | None = None,
    limit: int | None = None,
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> VstarPlan:
    """Read and check everything.

    Args:
        model: a folder or a name on the hub; or a live model and its processor.
        data: a folder in the layout of V* bench or another source of `load_questions`; or
            questions that are loaded.
        settings: how they are asked.
        name: of the model in tables (default: what `model` says).
        limit: so many questions at most, for a quick trial.
        cache: folder for what is found in pictures between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule, or the data hold no test questions.
        MissingExtraError: if transformers is not installed.
        RunError: if the weights cannot be fetched.
    """
    settings = settings or VstarSettings()
    if isinstance(data, str):
        data = load_questions(with_limit(data, limit), cache=cache, progress=progress)
    elif limit is not None:
        raise InputError("limit must be given with the name of data, but these are loaded.")
    if not len(data.test):
        raise InputError(
            f"data must hold test questions, but {data.name!r} has none. Put some into test/."
        )
    for question in data.test.questions:
        Query(question=question.text, options=question.options)  # refuses what cannot be asked
    if isinstance(model, str):
        name = name or model.rstrip("/")
        model = load_llava(model, device=settings.device, dtype=settings.dtype)
    if not name:
        raise InputError("name must be given for a live model. Choose one for tables.")
    live, processor = model
    if isinstance(live.config.vision_config, S2VisionConfig):
        check_llava(live, processor)
    return VstarPlan(name=name, model=live, processor=processor, data=data, settings=settings)


def _digest(value: object) -> str:
    return blake2b(repr(value).encode(), digest_size=16).hexdigest()
