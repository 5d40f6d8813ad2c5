"""From a run folder to its report."""

from pathlib import Path

from polyscale.errors import require

NEEDED = ("jinja2", "matplotlib", "pyarrow", "scipy", "statsmodels")


def write_report(run: Path) -> Path:
    """Write `curves.png` and `report.html` into a folder that `polyscale compare` wrote.

    Args:
        run: the folder with `results.json`, `contrasts.json`, `predictions.parquet` and
            `gallery.parquet`.

    Returns:
        The path of `report.html`: one page that needs no other file and no network.

    Raises:
        InputError: if a file of the folder is missing or damaged, or they disagree.
        MissingExtraError: if the extra `compare` is not installed.
    """
    for package in NEEDED:
        require(package, extra="compare", feature="write_report")
    # behind `require`, so that the name exists where the extra does not
    from polyscale.report.curves import draw_png
    from polyscale.report.page import render_page
    from polyscale.report.read import read_run
    from polyscale.stats import judge

    found = read_run(run)
    page = render_page(found, judge(found.results, found.contrasts))
    _replace(run / "curves.png", draw_png(found.results))
    path = run / "report.html"
    _replace(path, page.encode())
    return path


def read_answers(run: Path) -> list[str]:
    """What the report of a finished run says at its top, as lines of text.

    Raises:
        InputError: as `write_report`.
        MissingExtraError: as `write_report`.
    """
    for package in NEEDED:
        require(package, extra="compare", feature="read_answers")
    from polyscale.report.read import read_run
    from polyscale.report.words import plain_answers
    from polyscale.stats import judge

    found = read_run(run)
    return plain_answers(found, judge(found.results, found.contrasts))


def _replace(path: Path, content: bytes) -> None:
    """Put a whole file in place: a reader sees the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
