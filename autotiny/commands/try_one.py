"""``autotiny try``."""

from collections.abc import Mapping
from typing import Any

from autotiny.commands._given import export_line, given_progress, open_or_create
from autotiny.commands._options import checked_format
from autotiny.commands.search import say_teacher
from autotiny.errors import NothingFitsError, SearchInterruptedError
from autotiny.hyperparameters import Value
from autotiny.report.comparison import comparison_text, layers_table, models_table
from autotiny.report.console import console
from autotiny.report.tables import lacking
from autotiny.study.comparison import Comparison, compare
from autotiny.study.front import TrialRecord
from autotiny.study.progress import Progress
from autotiny.study.search import Search


def try_setting(
    options: Mapping[str, Any],
    assignments: tuple[str, ...],
    *,
    anyway: bool,
    output: str = "table",
    trust: bool = False,
) -> int:
    """Add one trial with given hyperparameters to a study, and show it; return the exit code.

    Args:
        options: As typed, by the keys of a study file; None is not given.
        assignments: Of ``--set``.
        anyway: Train what is over the budget, too.
        output: Of ``--format``.
        trust: Code that an existing study names may run, from now on.
    """
    checked_format(output)
    search, setting = open_or_create(options, assignments, "try", trust)
    name, done = search.folder.name, len(search.records())
    try:
        with given_progress(search, 1, output) as report:
            record = search.attempt(setting, anyway=anyway, on_progress=report)
            report(Progress("trial", done + 1, done + 1, record))
            found = compare(search, record, report)
    except KeyboardInterrupt:
        raise SearchInterruptedError(
            f"interrupted; study {name} keeps the setting, go on with: autotiny try --study {name} "
            "and the same --set."
        ) from None
    lacks = lacking(search.config.budget, record.footprint)
    if output == "table":
        _print(search, record, found, setting)
    else:
        print(comparison_text(found, record, name, output))
    return NothingFitsError.exit_code if lacks else 0


def _print(
    search: Search, record: TrialRecord, found: Comparison, setting: Mapping[str, Value]
) -> None:
    """Print what became of a trial, before and after, and what can be done with it."""
    out, name = console(), search.folder.name
    out.print(f"\nTrial {record.number} of {name} beside its base model", style="bold")
    out.print(models_table(found, record))
    say_teacher(search, concluded=True)
    if found.trial.layers:
        out.print(layers_table(found, record))
    for parameter, reason in record.dropped.items():
        if parameter in setting:
            out.print(f"{parameter} was dropped: {reason}.")
    if lacks := lacking(search.config.budget, record.footprint):
        out.print(f"Over the budget: it lacks {lacks}.", style="bold red")
    if record.litert_score is None:
        out.print("It was not trained; --anyway trains it.")
        return
    out.print("Next, export it:")
    out.print(export_line(name, record.number), style="bold")
