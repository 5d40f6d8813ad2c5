"""Tasks by name: those of polyscale, and those that other packages bring.

A package brings a task by an entry point of group `polyscale.tasks`, whose value is the class.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points

from polyscale.errors import InputError, first_line, near_matches
from polyscale.learning.heads.dense import HeadKind
from polyscale.tasks.capacity import Capacity
from polyscale.tasks.classification import Classification
from polyscale.tasks.depth import Depth
from polyscale.tasks.multilabel import Multilabel
from polyscale.tasks.options import options_of
from polyscale.tasks.picking import Picking
from polyscale.tasks.questions import QuestionAnswering
from polyscale.tasks.regression import Regression
from polyscale.tasks.retrieval import Retrieval
from polyscale.tasks.segmentation import Segmentation
from polyscale.tasks.settings import RunSettings
from polyscale.tasks.task import Task

GROUP = "polyscale.tasks"

BUILT_IN: dict[str, type[Task]] = {
    task.name: task
    for task in (
        *(Classification, Segmentation, Depth, Multilabel, Regression, Retrieval),
        *(QuestionAnswering, Capacity, Picking),
    )
}

DEFAULT = Classification.name
"""The task of a comparison that names none."""


def task_names() -> tuple[str, ...]:
    """Every task that can be named, those of polyscale first."""
    return tuple(dict.fromkeys([*BUILT_IN, *(p.name for p in entry_points(group=GROUP))]))


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: if there is none, or the package that brings it is broken.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]()
    for point in entry_points(group=GROUP):
        if point.name == name:
            return _load(point)
    names = task_names()
    raise InputError(
        f"task must be one of {', '.join(names)}, but got {name!r}.{near_matches(name, names)}"
    )


def heads_of(name: str) -> Mapping[str, HeadKind]:
    """The heads that the task of that name may keep; raises as `get_task` does."""
    return get_task(name).settings_type.heads


def loadable_tasks() -> tuple[Task, ...]:
    """Every task except those of broken packages, for which `get_task` raises."""
    tasks = []
    for name in task_names():
        with suppress(InputError):
            tasks.append(get_task(name))
    return tuple(tasks)


def to_task(task: Task | str | None, settings: RunSettings | None) -> Task:
    """The task that a user means: by itself, by its name, or by its settings.

    Raises:
        InputError: if it cannot be told, or the settings are those of another task.
    """
    if task is None and settings is not None:
        kinds = [kind for kind in BUILT_IN.values() if kind.settings_type is type(settings)]
        if len(kinds) != 1:
            raise InputError(
                f"task must be given beside {type(settings).__name__}, which are the settings of "
                f"{'several tasks' if kinds else 'no task of polyscale'}, but is missing."
            )
        return kinds[0]()
    chosen = get_task(task) if isinstance(task, str) else task or get_task(DEFAULT)
    if not isinstance(chosen, Task):
        raise InputError(
            f"task must be a name or an instance of polyscale.tasks.Task, but got {task!r}."
        )
    if settings is not None and not isinstance(settings, chosen.settings_type):
        raise InputError(
            f"settings must be {chosen.settings_type.__name__} for task {chosen.name}, but got "
            f"{type(settings).__name__}."
        )
    return chosen


def _load(point: EntryPoint) -> Task:
    try:
        kind = point.load()
    except Exception as error:  # packages are from outside and raise anything
        raise InputError(
            f"task {point.name!r} cannot be loaded from {point.value} ({first_line(error)}). "
            "Repair or remove the package that brings it."
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Task)):
        raise InputError(
            f"task {point.name!r} must be a class made from polyscale.tasks.Task, but "
            f"{point.value} is not."
        )
    options_of(kind.settings_type)  # refuses names that are taken
    return kind()
