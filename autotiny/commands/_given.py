"""What the commands share that add given trials: ``try`` and ``shrink``."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from autotiny.commands.search import announce
from autotiny.hyperparameters import Value
from autotiny.report.console import console
from autotiny.report.progress import search_progress
from autotiny.study.given import require_same, split_assignments
from autotiny.study.progress import OnProgress
from autotiny.study.resolving import resolve_config
from autotiny.study.search import Search
from autotiny.study.storage import study_names

#: A study's name has at most so many characters.
_LONGEST_NAME = 64


def open_or_create(
    options: Mapping[str, Any], assignments: tuple[str, ...], ending: str, trust: bool
) -> tuple[Search, dict[str, Value]]:
    """Return the study that a command adds trials to, and the given hyperparameters.

    Args:
        options: As typed, by the keys of a study file; None is not given. Their ``study`` is an
            existing one or the name of a new one.
        assignments: Of ``--set``.
        ending: Of a new study's name, where none is given.
        trust: Code that an existing study names may run, from now on.

    Raises:
        InputError: If an option is malformed, or contradicts the study that exists.
    """
    setting, sections = split_assignments(assignments)
    name = options.get("study")
    if name is not None and name in study_names():
        search = Search.open(str(name), trusted=trust)
        require_same(search.config, options, sections)
        return search, setting
    # One trial: `resume` takes up one that was killed, and goes on with more if it is told to.
    config = resolve_config({**options, "trials": 1}, config_file=None, assignments=sections)
    if name is None:
        config = config.model_copy(update={"study": _free_name(config.study, ending)})
    return Search.create(config), setting


def _free_name(stem: str, ending: str) -> str:
    """Return the first of ``stem-ending``, ``stem-ending-2``, … that no study has."""
    taken, number = set(study_names()), 1
    while True:
        tail = f"-{ending}" + (f"-{number}" if number > 1 else "")
        name = stem[: _LONGEST_NAME - len(tail)] + tail
        if name not in taken:
            return name
        number += 1


@contextlib.contextmanager
def given_progress(search: Search, total: int, output: str) -> Iterator[OnProgress]:
    """Yield what trials report to; only a table is told about beside its progress.

    Args:
        search: The study.
        total: Trials that are about to be added.
        output: Of ``--format``.
    """
    done = len(search.records())
    if output == "table":
        announce(search, done + total, done)
        with search_progress(console(), done + total, done) as report:
            yield report
        return
    beside = Console(stderr=True)
    if not beside.is_terminal:
        yield lambda _: None
        return
    with search_progress(beside, done + total, done) as report:
        yield report


def export_line(name: str, number: int) -> str:
    """Return the command that exports a trial."""
    return f"  autotiny export {name} --trial {number} --out {name}-firmware"
