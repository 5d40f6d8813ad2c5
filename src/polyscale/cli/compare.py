"""`polyscale compare`, and how a planned comparison runs."""

import inspect
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

from polyscale.cli.console import CacheOption, LimitOption, errors, output, progress_bars
from polyscale.errors import InputError

if TYPE_CHECKING:
    from polyscale.studies import ComparePlan
    from polyscale.tasks import Option

PREFIX = "option_"
"""Stands before the name of an option, which may be a keyword of Python, such as `lambda`."""


class SettingsCommand(TyperCommand):
    """A command with the options that the settings of all tasks declare.

    They are added only when this command is used, because settings need torch.
    """

    lists_tasks: ClassVar[bool] = True
    """Whether help lists the tasks and the data that each takes."""

    @cached_property
    def groups(self) -> "dict[str, dict[str, Option]]":
        """Title of a section of help → name → option."""
        from polyscale.tasks import group_options, loadable_tasks

        return group_options({task.name: task.settings_type for task in loadable_tasks()})

    @cached_property
    def settings_params(self) -> list[Any]:
        """Each name once; typer makes options from the signature of a function."""
        parameters: dict[str, inspect.Parameter] = {}
        for name, option in (item for group in self.groups.values() for item in group.items()):
            kind = bool if option.value_type is bool else option.value_type | None
            parameter = inspect.Parameter(
                PREFIX + name.replace("-", "_"),
                inspect.Parameter.KEYWORD_ONLY,
                default=False if kind is bool else None,
                annotation=Annotated[kind, typer.Option(f"--{name}")],
            )
            parameters.setdefault(name, parameter)

        def template() -> None: ...

        template.__signature__ = inspect.Signature([*parameters.values()])  # type: ignore[attr-defined]
        app = typer.Typer(add_completion=False)
        app.command()(template)
        return list(typer.main.get_command(app).params)

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the command, then those of all tasks, then --help."""
        *options, help_option = super().get_params(ctx)
        return [*options, *self.settings_params, help_option]

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with the values of the tasks' options in `ctx.obj`, by their names."""
        given = {param.name: ctx.params.pop(param.name) for param in self.settings_params}
        ctx.obj = {n.removeprefix(PREFIX).replace("_", "-"): v for n, v in given.items()}
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of the command and of tasks, and the data that each task takes."""
        from polyscale.tasks import DEFAULT, loadable_tasks

        records = (param.get_help_record(ctx) for param in super().get_params(ctx))
        sections = {"Options": [record for record in records if record is not None]}
        for title, options in self.groups.items():
            sections[title] = [
                (f"--{n}" if o.value_type is bool else f"--{n} <{o.value_type.__name__}>", o.help)
                for n, o in options.items()
            ]
        if self.lists_tasks:
            sections["Tasks and their data"] = [
                (
                    f"{task.name} (default)" if task.name == DEFAULT else task.name,
                    task.sources or "a data set that is loaded in Python",
                )
                for task in loadable_tasks()
            ]
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)


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
            help="Models of one family, which differ in size alone, where their names do not "
            "tell; may be repeated.",
        ),
    ] = None,
    limit: LimitOption = None,
    cache: CacheOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep features.")] = False,
    cache_limit: Annotated[
        str,
        typer.Option(help="Disk space for features; those unused for longest are deleted first."),
    ] = "20GB",
) -> None:
    """Answer whether a larger vision model is needed, on your images, and write a report.

    Give the same command again to continue an interrupted run.

    \b
    Examples:
        polyscale compare --data rooms --out runs/rooms --candidates \\
            pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1
        polyscale compare --data folder:photos --out runs/photos --candidates \\
            pip:dinov2_small@1 pip:dinov2_small@1,2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache, with_limit
    from polyscale.features import default_cache, parse_bytes
    from polyscale.studies import check_out, plan_compare
    from polyscale.tasks import make_settings, to_task

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit, name="--cache-limit")
    named_task = to_task(task, None)
    with progress_bars() as progress:
        plan = plan_compare(
            with_limit(data, limit),
            [*candidates, *(more or [])],
            make_settings(named_task.settings_type, ctx.obj, task=named_task.name),
            task=named_task,
            family=_families(family or []),
            image_cache=None if no_cache else cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(
        plan,
        out,
        cache=None if no_cache else cache or default_cache(),
        cache_limit_bytes=limit_bytes,
    )


def _families(given: list[str]) -> dict[str, list[str]] | None:
    """`NAME=A,B` → name of a family → its backbones; None where none is given."""
    families: dict[str, list[str]] = {}
    for text in given:
        name, equals, members = text.partition("=")
        if not (name and equals and members):
            raise InputError(
                f"--family must be NAME=A,B, but got {text!r}. "
                "Example: --family mine=timm:/models/small,timm:/models/large"
            )
        families.setdefault(name, []).extend(members.split(","))
    return families or None


def run_plan(
    plan: "ComparePlan",
    out: Path,
    *,
    cache: Path | None,
    cache_limit_bytes: int | None = None,
    tell: Callable[[], None] | None = None,
) -> None:
    """Run a comparison unless its folder already holds it, and print its answers.

    Args:
        plan: the comparison.
        out: folder of the run, already checked.
        cache: folder for features; None keeps none.
        cache_limit_bytes: limit of its size; None sets no limit.
        tell: prints what comes before the answers.

    Raises:
        RunError: if a candidate or the report failed; everything else is written then.
    """
    from polyscale.comparison import complete_report
    from polyscale.report import read_answers
    from polyscale.studies import check_complete, is_finished, run_compare, write_run

    for note in plan.data.notes:
        errors.print(f"warning: {note}", style="yellow", soft_wrap=True)
    if is_finished(out, plan.facts, plan.files):
        errors.print("This very run is already there; nothing was computed.")
    else:
        with progress_bars() as progress:
            comparison = run_compare(
                plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress
            )
        write_run(comparison, out)
    page = complete_report(out)
    if tell is not None:
        tell()
    for answer in read_answers(out):
        output.print(answer, soft_wrap=True)
    output.print(f"report: {page}", soft_wrap=True)
    check_complete(out)
