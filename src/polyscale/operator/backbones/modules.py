"""The modules behind whatever a user hands over, without importing their libraries."""

import dis
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from torch import nn

from polyscale.operator.backbones.options import ReadOptions


def module_behind(model: object) -> nn.Module | None:
    """The module whose weights a call of `model` uses; several as a list of modules.

    Those of a function, a method, a `functools.partial` or an object are looked for in its owner,
    its arguments, the variables that it encloses or reads as global ones, and its attributes.
    """
    if isinstance(model, nn.Module):
        return model
    modules = list(dict.fromkeys(_reached(model, depth=4)))
    return nn.ModuleList(modules) if len(modules) > 1 else next(iter(modules), None)


def num_params(model: object) -> int:
    """Parameters of a module; 0 of anything else."""
    parameters = model.parameters() if isinstance(model, nn.Module) else ()
    return sum(parameter.numel() for parameter in parameters)


def uncompiled(model: Any) -> Any:
    """What `torch.compile` was given; anything else is itself."""
    return getattr(model, "_orig_mod", model)


def is_from(model: object, package: str) -> bool:
    """Whether it is a module of a class, or of one that extends a class, of the package.

    Nothing is imported.
    """
    names = [f"{c.__module__}." for c in type(model).__mro__]
    return isinstance(model, nn.Module) and any(n.startswith(f"{package}.") for n in names)


def in_channels_of(model: object, options: ReadOptions, configured: int = 0) -> int:
    """Channels of the images that a model takes.

    The first that is known of: the user's `in_channels`, what the model's configuration says, its
    first convolution, the length of the user's mean, and 3.
    """
    module = module_behind(model)
    parts = [] if module is None else module.modules()
    by_convolution = next((m.in_channels for m in parts if isinstance(m, nn.Conv2d)), None)
    by_mean = len(options.preprocessing.mean or ())
    return options.in_channels or configured or by_convolution or by_mean or 3


def _reached(value: object, depth: int) -> Iterator[nn.Module]:
    if isinstance(value, nn.Module):
        yield value
        return
    for part in _parts(value) if depth else ():
        yield from _reached(part, depth - 1)


def _parts(value: object) -> list[object]:
    """What a call of the value may reach."""
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, FunctionType):
        enclosed = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        read = {i.argval for i in dis.get_instructions(value) if i.opname == "LOAD_GLOBAL"}
        return [*enclosed, *(value.__globals__[name] for name in read & set(value.__globals__))]
    if isinstance(value, list | tuple):
        return list(value)
    is_object = not isinstance(value, type) and type(value).__module__ != "builtins"
    return list(getattr(value, "__dict__", {}).values()) if is_object else []


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
