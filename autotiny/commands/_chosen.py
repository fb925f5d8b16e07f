"""Which trial an export is of, as its options name it."""

from typing import get_args

from autotiny.budget.limits import Budget
from autotiny.errors import InputError
from autotiny.runtimes._base import Target
from autotiny.study.front import Pick, TrialRecord, pick
from autotiny.study.retarget import records_on
from autotiny.study.search import Search
from autotiny.tasks.metrics import METRICS


def checked_choice(number: int | None, how: str | None) -> str | None:
    """Return the value of ``--pick``; None if ``--trial`` is given.

    Raises:
        InputError: If both or none are given, or there is no such pick.
    """
    if (number is None) == (how is None):
        raise InputError("An export takes one of --trial and --pick; give exactly one.")
    how = "score" if how in METRICS else how
    if how is not None and how not in get_args(Pick):
        raise InputError(f"--pick must be one of {', '.join(get_args(Pick))}; got {how!r}.")
    return how


def chosen_record(
    search: Search, number: int | None, how: str | None, target: Target, budget: Budget
) -> TrialRecord:
    """Return the trial of a number, or the one of a front that a checked pick takes.

    Args:
        search: The study.
        number: Of ``--trial``.
        how: From ``checked_choice``.
        target: What the front is for.
        budget: What it keeps.

    Raises:
        InputError: If there is none.
    """
    if number is not None:
        return search.record(number)
    front = search.front(budget, records_on(search, target, budget))
    return pick(front, how)  # type: ignore[arg-type]  # just checked
