"""From what the user wrote after ``--data`` to a task."""

import difflib
import os
from collections.abc import Callable
from functools import partial

from autotiny.errors import InputError
from autotiny.files import other_kind
from autotiny.tasks import _function, _npz, digits, keras_datasets, tones
from autotiny.tasks._assemble import TaskOptions, told
from autotiny.tasks._base import Task

#: A new built-in task is one file and one line here.
_BUILT_IN: dict[str, Callable[[int], Task]] = {
    "digits": digits.load,
    "tones": tones.load,
    **{name: partial(keras_datasets.load, name) for name in keras_datasets.CLASS_NAMES},
}


def task_names() -> list[str]:
    """Return the names of the built-in tasks, sorted."""
    return sorted(_BUILT_IN)


def runs_code(spec: str) -> bool:
    """Whether loading a task of this spec imports and calls code that the spec names."""
    return spec not in _BUILT_IN and not spec.lower().endswith(".npz") and ":" in spec


def load_task(spec: str, *, seed: int, options: TaskOptions | None = None) -> Task:
    """Return the task that ``spec`` names; equal spec and seed give an equal task.

    Args:
        spec: A built-in name, a path that ends in ``.npz``, or ``package.module:function``
            (the current directory is importable).
        seed: Decides generated samples and every split that the data does not bring itself.
        options: Kind, metric, class weights and layout, where the user says them.

    Raises:
        InputError: If the spec is unknown, or the data breaks a rule of ``tasks/_checks.py``.
    """
    options = options or TaskOptions()
    if spec in _BUILT_IN:
        return told(_BUILT_IN[spec](seed), options)
    if spec.lower().endswith(".npz"):
        return _npz.load(spec, seed, options)
    if runs_code(spec):
        return _function.load(spec, seed, options)
    if os.path.exists(spec):  # which takes any text, however long
        what = "Data must be a built-in name, a FILE.npz or package.module:function"
        raise InputError(other_kind(what, spec, is_data=True))
    close = difflib.get_close_matches(spec, task_names(), 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise InputError(
        f"Data must be one of {', '.join(task_names())}, a FILE.npz or package.module:function; "
        f"got {spec!r}{hint}."
    )
