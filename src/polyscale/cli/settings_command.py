"""A command whose options the settings of tasks declare."""

import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from polyscale.tasks import Option

PREFIX = "option_"
"""Stands before the name of an option, which may be a keyword of Python, such as `lambda`."""


class SettingsCommand(TyperCommand):
    """A command with the options that the settings of all tasks declare.

    They are added only when this command is used, because settings need torch.
    """

    lists_tasks: ClassVar[bool] = True
    """Whether the help text lists the tasks, and the kinds of data that each task accepts."""

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
            sections[title] = [(f"--{n}{o.usage}", o.about) for n, o in options.items()]
        if self.lists_tasks:
            sections["Tasks, their data and metrics"] = [
                (
                    f"{task.name} (default)" if task.name == DEFAULT else task.name,
                    f"{task.sources or 'a data set that is loaded in Python'}. "
                    f"Metrics: {', '.join(task.metric_keys)}.",
                )
                for task in loadable_tasks()
            ]
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)
