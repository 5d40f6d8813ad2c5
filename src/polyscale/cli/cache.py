"""`polyscale cache size|list|clear`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import make_table, output

cache = typer.Typer(
    help="Show or empty the cache of features, heads and what was found in images.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FolderOption = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the cache (default: the user's own).")
]


@cache.command()
def size(cache: FolderOption = None) -> None:
    """Print where the cache is, and how much disk space it takes.

    \b
    Examples:
        polyscale cache size
    """  # noqa: D301 - \b keeps the lines
    from polyscale.features import list_kept

    features, inspected = _folders(cache)
    kept = list_kept(features)
    num_bytes = sum(one.num_bytes for one in kept)
    output.print(f"features and heads: {_shown(num_bytes)} in {len(kept)} entries, {features}")
    found = sum(file.stat().st_size for file in _inspected(inspected))
    output.print(f"what was found in images: {_shown(found)}, {inspected}")


@cache.command("list")
def list_(cache: FolderOption = None) -> None:
    """List the features and heads in the cache, the last used first.

    \b
    Examples:
        polyscale cache list
    """  # noqa: D301 - \b keeps the lines
    from polyscale.features import list_kept

    rows = [
        (one.about or "(not described)", _shown(one.num_bytes), f"{one.unused_days:.0f}")
        for one in list_kept(_folders(cache)[0])
    ]
    output.print(make_table(("what", "size", "days unused"), rows) if rows else "nothing is kept")


@cache.command()
def clear(
    cache: FolderOption = None,
    unused_days: Annotated[
        float, typer.Option(min=0, help="Delete only what was not used for this many days.")
    ] = 0,
    images: Annotated[
        bool, typer.Option("--images", help="Also delete what was found in images.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete features and heads. Later runs compute them again when they are needed.

    \b
    Examples:
        polyscale cache clear --unused-days 30
        polyscale cache clear --images --yes
    """  # noqa: D301 - \b keeps the lines
    from polyscale.features import clear as delete
    from polyscale.features import list_kept

    features, inspected = _folders(cache)
    kept = [one for one in list_kept(features) if one.unused_days >= unused_days]
    files = _inspected(inspected) if images else []
    num_bytes = sum(one.num_bytes for one in kept) + sum(f.stat().st_size for f in files)
    question = f"Delete {_shown(num_bytes)}: {len(kept)} entries{' and files of images' * images}?"
    if not yes:
        typer.confirm(question, abort=True)
    delete(kept)
    for file in files:
        file.unlink(missing_ok=True)
    output.print(f"deleted: {_shown(num_bytes)}")


def _folders(cache: Path | None) -> tuple[Path, Path]:
    """The folder of features and heads, and the folder of what was found in images."""
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache

    return cache or default_cache(), cache or default_inspection_cache()


def _inspected(folder: Path) -> list[Path]:
    return sorted(folder.glob("inspected-*.sqlite"))


def _shown(num_bytes: int) -> str:
    """`1.2 GB`, or in MB where that is less than a hundredth."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"
