"""Options of a head, tried before hours go into its features."""

import json
from collections.abc import Mapping
from typing import Any

import torch

from polyscale.errors import InputError, first_line
from polyscale.heads.dense.cells import check_patch_options
from polyscale.studies.dense.settings import DenseSettings


def check_options(settings: DenseSettings, in_channels: int, arguments: Mapping[str, Any]) -> None:
    """Make the head once, or look at the options of one that is fitted in one go.

    Args:
        settings: with the head and its options.
        in_channels: of its maps.
        arguments: what it must know of the data.

    Raises:
        InputError: if an option is not known, breaks a rule, or cannot be kept as JSON.
    """
    options = settings.head_options
    try:
        json.dumps(dict(options), allow_nan=False)
        if settings.kind.training is None:
            check_patch_options(settings.head, options)
            return
        with torch.random.fork_rng([]):
            settings.kind.make(in_channels=in_channels, **arguments, **options)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"head_options must be options of head {settings.head}, but got {dict(options)} "
            f"({first_line(error)}). Correct them, or leave them out."
        ) from error
