"""`polyscale compare`, and what it shares with `polyscale recipe run`."""

import inspect
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from polyscale.cli.console import CacheOption, errors, output, progress_bars
from polyscale.errors import InputError

if TYPE_CHECKING:
    from polyscale.studies import ComparePlan
    from polyscale.tasks import Option

PREFIX = "option_"
"""Begins parameters of options, whose names may be words of Python."""


class SettingsCommand(TyperCommand):
    """A command that also has the options of the settings of every task.

    They are added when the command itself is asked for, because settings need torch.
    """

    @cached_property
    def groups(self) -> "dict[str, dict[str, Option]]":
        """A title → the options of some tasks by their names."""
        from polyscale.tasks import group_options, loadable_tasks

        return group_options({task.name: task.settings_type for task in loadable_tasks()})

    @cached_property
    def settings_params(self) -> list[Any]:
        """Each name once, as typer makes options from the signature of a function."""
        taken = {name for param in self.params for name in param.opts}
        parameters = []
        for name, option in (item for group in self.groups.values() for item in group.items()):
            if f"--{name}" not in taken:
                taken.add(f"--{name}")
                kind = bool if option.value_type is bool else option.value_type | None
                made = inspect.Parameter(
                    PREFIX + name.replace("-", "_"),
                    inspect.Parameter.KEYWORD_ONLY,
                    default=False if kind is bool else None,
                    annotation=Annotated[kind, typer.Option(f"--{name}")],
                )
                parameters.append(made)

        def template() -> None: ...

        template.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        app = typer.Typer(add_completion=False)
        app.command()(template)
        return list(typer.main.get_command(app).params)

    def get_params(self, ctx: Any) -> list[Any]:
        """The command's own options, then those of all tasks, then --help."""
        *own, help_option = super().get_params(ctx)
        return [*own, *self.settings_params, help_option]

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with the options of tasks in `ctx.obj` by their names."""
        given = {param.name: ctx.params.pop(param.name) for param in self.settings_params}
        ctx.obj = {n.removeprefix(PREFIX).replace("_", "-"): v for n, v in given.items()}
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the command's own options, those of tasks, and what data each task takes."""
        from polyscale.tasks import DEFAULT, loadable_tasks

        own = (param.get_help_record(ctx) for param in super().get_params(ctx))
        sections = {"Options": [record for record in own if record is not None]}
        for title, options in self.groups.items():
            sections[title] = [
                (f"--{n}" if o.value_type is bool else f"--{n} <{o.value_type.__name__}>", o.help)
                for n, o in options.items()
            ]
        sections["Tasks and their data"] = [
            (
                f"{task.name} (default)" if task.name == DEFAULT else task.name,
                task.sources or "a data set that is loaded in Python",
            )
            for task in loadable_tasks()
        ]
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


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
    task: Annotated[
        str | None,
        typer.Option(help="The task; all tasks are listed below."),
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B",
            help="Models of one family, which differ in size alone, where their names do not "
            "tell; may be repeated.",
        ),
    ] = None,
    cache: CacheOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep features.")] = False,
    cache_limit: Annotated[
        str,
        typer.Option(help="Disk space for features; those unused for longest are deleted first."),
    ] = "20GB",
) -> None:
    """Answer whether a larger vision model is needed, on your images, and write a report.

    An interrupted run goes on where it stopped when you give the same command again.

    \b
    Examples:
        polyscale compare --data rooms --out runs/rooms --candidates \\
            pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1
        polyscale compare --data folder:photos --out runs/photos --candidates \\
            pip:dinov2_small@1 pip:dinov2_small@1,2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache, parse_bytes
    from polyscale.studies import check_out, plan_compare
    from polyscale.tasks import make_settings, to_task

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit, name="--cache-limit")
    chosen = to_task(task, None)
    with progress_bars() as progress:
        plan = plan_compare(
            data,
            [*candidates, *(more or [])],
            make_settings(chosen.settings_type, ctx.obj, task=chosen.name),
            task=chosen,
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
    """Run a plan into a folder, or leave what is already there, and print its answers.

    Args:
        plan: what to do.
        out: folder of the run, already checked.
        cache: folder where features are kept; None keeps nothing.
        cache_limit_bytes: what features may take there; None is no limit.
        tell: prints what stands before the answers.

    Raises:
        RunError: if a candidate failed; everything is written then.
    """
    from polyscale.report import read_answers, write_report
    from polyscale.studies import check_complete, is_finished, new_run, run_compare

    for note in plan.data.notes:
        errors.print(f"warning: {note}", style="yellow", soft_wrap=True)
    if is_finished(out, plan.facts, plan.files):
        errors.print("This very run is already there; nothing was computed.")
    else:
        with progress_bars() as progress:
            comparison = run_compare(
                plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress
            )
        with new_run(out) as folder:
            comparison.save(folder)
            write_report(folder)
    if tell is not None:
        tell()
    for answer in read_answers(out):
        output.print(answer, soft_wrap=True)
    output.print(f"report: {out / 'report.html'}", soft_wrap=True)
    check_complete(out)
