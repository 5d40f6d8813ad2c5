"""What a backbone computes in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from polyscale.checks import check_choice

Precision = Literal["fp32", "bf16", "fp16"]
"""fp32 leaves the model as it is, in whatever dtype its parameters are; bf16 and fp16 run it under
autocast."""

PRECISIONS: dict[Precision, torch.dtype | None] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def check_precision(dtype: str, name: str = "dtype") -> Precision:
    """The name of a precision; any other is an InputError, which calls it `name`."""
    check_choice(name, dtype, get_args(Precision))
    return cast("Precision", dtype)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which a backbone runs.

    Autocast casts frozen weights anew in every operation. Here each is cast once in the context.
    """
    dtype = PRECISIONS[precision]
    if dtype is None or device.type == "meta":  # which computes nothing and has no autocast
        return nullcontext()
    if torch.compiler.is_compiling():  # which not every release traces through a generator
        return torch.autocast(device.type, dtype)
    return _autocast_once(device, dtype)


@contextmanager
def _autocast_once(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    with torch.autocast(device.type, dtype), _FrozenWeightsOnce(dtype):
        yield


_OPERATORS = (F.linear, F.conv1d, F.conv2d, F.conv3d)
"""What autocast runs in half precision, with a weight and perhaps a bias of its own."""


class _FrozenWeightsOnce(TorchFunctionMode):
    """Hands these operators frozen float32 weights that have been cast before.

    The weights of the model itself are never touched, so that other threads may use it, and nothing
    outlives the context, so that no cast weight can be out of date.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype
        self._cast: dict[Tensor, Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _OPERATORS and self._is_cast(args):
            args = (*args[:1], *map(self._once, args[1:3]), *args[3:])
        return func(*args, **(kwargs or {}))

    def _is_cast(self, args: tuple[Any, ...]) -> bool:
        """Whether autocast is on here: a model may have switched it off for a part of itself."""
        kind = args[0].device.type
        return torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == self._dtype

    def _once(self, weight: Any) -> Any:
        is_frozen = isinstance(weight, torch.nn.Parameter) and not weight.requires_grad
        if not is_frozen or weight.dtype != torch.float32:
            return weight
        if weight not in self._cast:
            self._cast[weight] = weight.detach().to(self._dtype)
        return self._cast[weight]


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """The context in which features are pooled, whatever the caller has switched on."""
    # the meta device computes nothing and has no autocast
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """What pixels are resized in. Not `promote_types`, which some releases cannot load again."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def fastest_precision(device: torch.device) -> Precision:
    """bf16 where this device multiplies it natively, else fp32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # torch keeps this to itself, and may rename it
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16" if supported() else "fp32"
