"""What loading a model from a hub, a folder or a file has in common."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar

import torch
from torch import nn

from polyscale.errors import InputError, RunError, first_line, near_matches

M = TypeVar("M", bound=nn.Module)


def local_folder(name: str) -> Path | None:
    """The folder that `name` means, or None where it is a name of a hub.

    Raises:
        InputError: if it is clearly meant as a path and no such folder exists.
    """
    try:
        folder = Path(name).expanduser()
        if name and folder.is_dir():
            return folder.resolve()
    except (OSError, RuntimeError):  # a name too long for a path, a home that does not exist
        pass
    if name.startswith((".", "/", "~")):
        raise InputError(f"model folder {name!r} does not exist. Check the path.")
    return None


def check_known(family: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that a library does not have, and say which ones are near it."""
    if name not in known:
        raise InputError(
            f"{family} knows no model {name!r}.{near_matches(name, known)} "
            f"List them with: polyscale models {family}"
        )


def check_tag(source: str, tag: str, tags: Collection[str]) -> None:
    """Refuse a tag that names none of the weights of an architecture, nor a file of them."""
    if tag in tags or Path(tag).is_file():
        return
    got = f"{tag!r}.{near_matches(tag, tags)}" if tag else "none."
    shown = ", ".join(list(tags)[:5]) or "none"
    raise InputError(
        f"{source}/TAG must name weights or a file of them, but got {got} It has {shown}"
        f"{' …' if len(tags) > 5 else ''}. List them with: polyscale models {source}*"
    )


@contextmanager
def fetching(name: str, otherwise: str, also: type[Exception] = OSError) -> Iterator[None]:
    """Turn a failure to download or read the weights of a source into a `RunError`.

    Args:
        name: of the source.
        otherwise: what to give instead, for example `a local folder: hf:PATH`.
        also: what the library raises besides errors of the system and of pickle.
    """
    try:
        yield
    except (OSError, UnpicklingError, also) as error:
        raise RunError(
            f"{name}: the weights cannot be loaded ({first_line(error)}). Check the name, connect "
            f"to the internet, or give {otherwise}"
        ) from error


def build_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The architecture without memory for its parameters."""
    try:
        with torch.device("meta"):
            return build()
    except NotImplementedError:  # the library computes with tensors while it builds
        return build().to("meta")


def freeze(model: M) -> M:
    """Evaluation mode, no gradients, and for convolutions the memory layout that is fastest."""
    model.eval().requires_grad_(False)
    if any(isinstance(m, nn.Conv2d) and m.kernel_size[0] != m.stride[0] for m in model.modules()):
        model.to(memory_format=torch.channels_last)
    return model
