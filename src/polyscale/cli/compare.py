"""`polyscale compare`, and how a planned comparison runs."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from polyscale.cli.config import ConfigOption
from polyscale.cli.console import (
    CacheLimitOption,
    CacheOption,
    JsonOption,
    LimitOption,
    QuietOption,
    output,
    print_json,
)
from polyscale.cli.repeat import command_record, keep_command, repeated_run
from polyscale.cli.settings_command import SettingsCommand
from polyscale.errors import InputError
from polyscale.progress import notes, progress_bars
from polyscale.types import Candidate

if TYPE_CHECKING:
    from polyscale.studies import Comparison
    from polyscale.tasks import Option

ALREADY_THERE = "This very run is already there; nothing was computed."

WORDS = "polyscale.words"
"""Where the context of a command keeps what was typed."""


class CompareCommand(SettingsCommand):
    """Recognises the command of a finished run when it is repeated, before torch is loaded."""

    def implied(self) -> tuple[str, ...]:
        """Words that would have to be added to the command if it were `compare`."""
        return ()

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        """Print the run that is already there and exit, or prepare one as usual."""
        words = [*self.implied(), *args]
        if (found := repeated_run(words)) is not None:
            out, answers = found
            notes.quiet = bool({"-q", "--quiet"} & set(words))
            notes.print(ALREADY_THERE)
            print_run(out, answers, as_json="--json" in words)
            raise typer.Exit
        ctx = super().make_context(info_name, args, *more, **extra)
        ctx.meta[WORDS] = words
        return ctx


class TaskCommand(CompareCommand):
    """A comparison whose task has the name of the command, with only that task's options."""

    lists_tasks = False

    @cached_property
    def groups(self) -> "dict[str, dict[str, Option]]":
        """A title → name → option."""
        from polyscale.tasks import get_task, group_options

        name = str(self.name)
        (options,) = group_options({name: get_task(name).settings_type}).values()
        return {"Settings": options}

    def implied(self) -> tuple[str, ...]:
        """The task."""
        return "--task", str(self.name)


def compare(
    ctx: typer.Context,
    data: Annotated[
        str, typer.Option(help="The data set, for example rooms or folder:PATH; see below.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    candidates: Annotated[
        list[str],
        typer.Option(help="Models and scales to compare: SOURCE@SCALES, separated by spaces."),
    ],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="CANDIDATE")] = None,
    task: Annotated[str | None, typer.Option(help="The task; all tasks are listed below.")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B",
            help="Models of one family, which differ only in size, if their names do not show "
            "it; may be repeated.",
        ),
    ] = None,
    limit: LimitOption = None,
    cache: CacheOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep features.")] = False,
    cache_limit: CacheLimitOption = "20GB",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer whether a larger vision model is needed, on your images, and write a report.

    Give the same command again to continue an interrupted run.

    \b
    Examples:
        polyscale compare --data rooms --out runs/rooms --candidates \\
            pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 \\
            pip:efficientnet_lite2@1
        polyscale compare --data folder:photos --out runs/photos --candidates \\
            pip:dinov2_small@1 pip:dinov2_small@1,2
        polyscale compare --config runs/photos/compare.toml --out runs/again
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache, with_limit
    from polyscale.features import default_cache, parse_bytes
    from polyscale.studies import check_out, parse_families, plan_compare
    from polyscale.tasks import make_settings, to_task

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit, name="--cache-limit")
    named_task = to_task(task, None)
    chosen = [*candidates, *(more or [])]
    record = _record(ctx.meta[WORDS], data, chosen, config)
    with progress_bars() as progress:
        plan = plan_compare(
            with_limit(data, limit),
            chosen,
            make_settings(named_task.settings_type, ctx.obj, task=named_task.name),
            task=named_task,
            family=parse_families(family or ()),
            image_cache=None if no_cache else cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(
        plan,
        out,
        cache=None if no_cache else cache or default_cache(),
        cache_limit_bytes=limit_bytes,
        as_json=as_json,
        record=record,
    )


def _record(
    words: list[str], data: str, candidates: list[str], config: Path | None
) -> dict[str, Any] | None:
    """The record by which the command is recognised; None if it reads more than known files."""
    from polyscale.data.sources import place_of_data
    from polyscale.operator.backbones.sources import place_of_weights

    sources = {Candidate.parse(candidate).backbone for candidate in candidates}
    places = [place_of_data(data), *map(place_of_weights, sources), *([config] if config else [])]
    files = [place for place in places if place is not None]
    return command_record(words, files) if len(files) == len(places) else None


class RunPlan(Protocol):
    """What is known of a run before it begins, as `ComparePlan` has it."""

    @property
    def data(self) -> Any:
        """Images, with notes for the user."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the run is asked to do."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its files."""


def run_plan(
    plan: RunPlan,
    out: Path,
    *,
    run: "Callable[..., Comparison] | None" = None,
    cache: Path | None,
    cache_limit_bytes: int | None = None,
    as_json: bool = False,
    record: dict[str, Any] | None = None,
    tell: Callable[[], None] | None = None,
) -> None:
    """Run a comparison unless its folder already holds it, and print its answers.

    Args:
        plan: the comparison.
        out: folder of the run, already checked.
        run: what runs the plan; None is `run_and_explain`.
        cache: folder for features; None keeps none.
        cache_limit_bytes: limit of its size; None sets no limit.
        as_json: whether to print the files of the run as JSON, instead of its answers.
        record: how the command is known again, to be kept with the run.
        tell: prints what comes before the answers.

    Raises:
        RunError: if a candidate or the report failed; everything else is written then.
    """
    from polyscale.comparison import complete_report
    from polyscale.report import read_answers
    from polyscale.studies import check_complete, is_finished, run_and_explain, write_run

    for note in plan.data.notes:
        notes.print(f"warning: {note}", style="yellow", soft_wrap=True)
    if is_finished(out, plan.facts, plan.files):
        notes.print(ALREADY_THERE)
    else:
        with progress_bars() as progress:
            runs: Callable[..., Comparison] = run or run_and_explain
            comparison = runs(
                plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress
            )
        write_run(comparison, out)
    complete_report(out)
    if tell is not None:
        tell()
    answers = read_answers(out)
    print_run(out, answers, as_json=as_json)
    check_complete(out)
    if record is not None:
        keep_command(record, out, answers)


def print_run(out: Path, answers: Sequence[str], *, as_json: bool) -> None:
    """Print the answers of a finished run, or all that its JSON files hold."""
    if as_json:
        files = sorted(out.glob("*.json"))
        print_json({file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files})
        return
    for answer in answers:
        output.print(answer, soft_wrap=True)
    output.print(f"report: {out / 'report.html'}", soft_wrap=True)
