"""What a backbone computes in."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from polyscale.errors import InputError

Precision = Literal["fp32", "bf16", "fp16"]
"""fp32 leaves the model as it is; bf16 and fp16 run it under autocast."""

PRECISIONS: dict[Precision, torch.dtype | None] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def check_precision(dtype: str) -> Precision:
    """The name of a precision.

    Raises:
        InputError: if there is none of that name.
    """
    for known in PRECISIONS:
        if dtype == known:
            return known
    raise InputError(f"dtype must be one of {', '.join(PRECISIONS)}, but got {dtype!r}.")


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which a backbone runs."""
    dtype = PRECISIONS[precision]
    return torch.autocast(device.type, dtype) if dtype is not None else nullcontext()


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """The context in which features are pooled, whatever the caller has switched on."""
    # the meta device computes nothing and has no autocast
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


def fastest_precision(device: torch.device) -> Precision:
    """bf16 where this device multiplies it natively, else fp32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # torch keeps this to itself, and may rename it
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16" if supported() else "fp32"
