"""Data from the user's own code: ``package.module:function`` that returns a task."""

import inspect
from collections.abc import Callable
from dataclasses import replace

from autotiny.errors import InputError
from autotiny.tasks._assemble import Pair, TaskOptions, checked_task
from autotiny.tasks._base import CLASSIFY, Split, Task
from autotiny.user_code import find_function, importable_here, one_line


def load(spec: str, seed: int, options: TaskOptions) -> Task:
    """Call the function, with ``seed=seed`` if it accepts that, and check what it returns.

    Raises:
        InputError: If the function cannot be found or called, raises, does not return a task,
            or its task breaks a rule.
    """
    with importable_here():
        function = find_function(spec, "data")
        arguments = {"seed": seed} if _accepts_seed(spec, function) else {}
        try:
            task = function(**arguments)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{spec}: the function must return a task; got {one_line(error)}."
            ) from error
    if not isinstance(task, Task):
        raise InputError(
            f"{spec}: the function must return an autotiny.tasks.Task; got {type(task).__name__}."
        )
    return _checked(spec, task, seed, options)


def _accepts_seed(spec: str, function: Callable[..., object]) -> bool:
    """Whether ``seed`` can be passed by name; anything else must have a default."""
    parameters = inspect.signature(function).parameters.values()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    seed = any(p.name == "seed" and p.kind in by_name for p in parameters)
    for parameter in parameters:
        needed = parameter.default is inspect.Parameter.empty and parameter.kind not in variadic
        if needed and not (seed and parameter.name == "seed"):
            raise InputError(
                f"{spec}: the function must need no argument but seed; got {parameter.name}."
            )
    return seed


def _checked(spec: str, task: Task, seed: int, options: TaskOptions) -> Task:
    kind = None if task.goal == CLASSIFY else task.goal.kind.name
    layout = "signal" if task.layout == "signal" else None
    metric = None if task.goal == CLASSIFY else task.goal.metric.name
    weights = None if options.class_weights else task.goal.class_weights
    options = replace(
        options,
        kind=options.kind or kind,
        layout=options.layout or layout,
        metric=options.metric or (metric if options.kind in (None, kind) else None),
    )
    made = checked_task(
        spec,
        _pair(spec, "train", task.train),
        _pair(spec, "validation", task.validation),
        _pair(spec, "test", task.test),
        class_names=task.class_names,
        seed=seed,
        options=options,
    )
    return (
        made if weights is None else replace(made, goal=replace(made.goal, class_weights=weights))
    )


def _pair(spec: str, name: str, split: object) -> Pair:
    if not isinstance(split, Split):
        raise InputError(
            f"{spec}: {name} must be an autotiny.tasks.Split; got {type(split).__name__}."
        )
    return split.x, split.y
