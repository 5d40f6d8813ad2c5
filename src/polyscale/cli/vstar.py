"""`polyscale vstar` and `polyscale vstar compare`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import CacheOption, DeviceOption, QuietOption, output
from polyscale.errors import InputError
from polyscale.progress import notes, progress_bars

vstar = typer.Typer(
    help="Ask a multimodal model about details of pictures, as V* bench does.",
    rich_markup_mode=None,
)


@vstar.callback(invoke_without_command=True)
def run(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(help="Folder of a LLaVA for transformers, with its processor, or hf:NAME."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="needles (embedded), or a folder in the layout of V* bench."),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="[likelihood|letters]",
            help="likelihood: the options are not shown, and each is scored as an answer. letters: "
            "they are listed in the prompt, each option once at every position, and the letters "
            "are scored.",
        ),
    ] = "likelihood",
    out: Annotated[Path | None, typer.Option(help="New folder for the results.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the model in tables (default: as in --model).")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Ask at most this many questions, for a quick trial.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="Show no pictures, to see what is right without them.")
    ] = False,
    batch: Annotated[int, typer.Option(help="Number of questions in a batch.")] = 1,
    dtype: Annotated[
        str,
        typer.Option(
            metavar="[auto|fp32|bf16|fp16]",
            help="Data type of the weights; auto keeps the type in which they were saved.",
        ),
    ] = "auto",
    device: DeviceOption = "auto",
    cache: CacheOption = None,
    quiet: QuietOption = False,
) -> None:
    """Ask a multimodal model about details of pictures, and count its right answers.

    Give the same command again to continue an interrupted run. Results of the two protocols cannot
    be compared with each other.

    \b
    Examples:
        polyscale vstar --model llava-s2 --data needles --out runs/s2
        polyscale vstar --model llava-s2 --data vstar_bench --protocol letters --out runs/letters
        polyscale vstar compare runs/s2 runs/base --out both.html
    """  # noqa: D301 - \b keeps the lines
    if ctx.invoked_subcommand is not None:
        return
    if model is None or data is None or out is None:
        missing = [o for o, v in (("model", model), ("data", data), ("out", out)) if v is None]
        raise InputError(f"--{missing[0]} must be given. See polyscale vstar --help.")
    from polyscale.data import default_inspection_cache
    from polyscale.report import read_answers, write_report
    from polyscale.studies import check_out
    from polyscale.studies.vstar import VstarSettings, plan_vstar, run_vstar

    check_out(out)
    settings = VstarSettings(
        protocol=protocol,  # type: ignore[arg-type]
        blind=blind,
        batch=batch,
        dtype=dtype,
        device=device,
    )
    with progress_bars() as progress:
        plan = plan_vstar(
            model,
            data,
            settings,
            name=name,
            limit=limit,
            cache=cache or default_inspection_cache(),
            progress=progress,
        )
        run_vstar(plan, out, progress=progress)
    page = write_report(out)
    for line in read_answers(out):
        output.print(line, soft_wrap=True)
    output.print(f"report: {page}", soft_wrap=True)


@vstar.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two folders, written by polyscale vstar.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("vstar.html"),
) -> None:
    """Compare two models on the same questions: the paired test, and a page with the pictures.

    \b
    Examples:
        polyscale vstar compare runs/s2 runs/base --out both.html
    """  # noqa: D301 - \b keeps the lines
    from polyscale.report.compare_questions import compare_questions

    written = compare_questions(runs, out)
    for note in written.notes:
        notes.print(f"note: {note}", soft_wrap=True)
    for line in written.answers:
        output.print(line, soft_wrap=True)
    output.print(f"report: {written.path}", soft_wrap=True)
