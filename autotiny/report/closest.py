"""The trials that miss a budget by least, and what to do about it."""

from collections.abc import Mapping, Sequence

from autotiny.budget.limits import LIMIT_NAMES, Budget, limit_amount
from autotiny.report.console import console
from autotiny.report.grid import Grid
from autotiny.report.tables import lacks_text
from autotiny.study.front import TrialRecord, closest

#: What may help whoever has searched.
REMEDY = "Give more room, or search a smaller base model (`base:` in the search space)."


def closest_table(rows: Sequence[tuple[TrialRecord, Mapping[str, float]]]) -> Grid:
    """Return the trials that miss a budget by least, and what each lacks."""
    table = Grid()
    for title in ("trial", "flash", "RAM"):
        table.add_column(title, justify="right")
    table.add_column("lacks", folds=True)
    for record, lacks in rows:
        footprint = record.footprint
        told = lacks_text(lacks)
        table.add_row(
            str(record.number), f"{footprint.flash_bytes:,}", f"{footprint.ram_bytes:,}", told
        )
    return table


def print_closest(
    records: Sequence[TrialRecord], budget: Budget, *, whose: str = "", remedy: str = REMEDY
) -> None:
    """Say that nothing fits, by how much, and what to try.

    Args:
        records: Trials.
        budget: What none of them fits.
        whose: Whose budget that is, if it was not named just now.
        remedy: What to try.
    """
    say = console().print
    if not records:
        say("No trial has finished yet.")
        return
    if rows := closest(records, budget):
        limits = [f"{limit_amount(n, v)} of {LIMIT_NAMES[n]}" for n, v in budget.limits.items()]
        named = f"{whose}: {' and '.join(limits)}" if whose else "the budget"
        say(f"Nothing fits {named}. The closest trials:")
        say(closest_table(rows))
        if whose:
            flash = min(record.footprint.flash_bytes for record in records)
            ram = min(record.footprint.ram_bytes for record in records)
            say(f"The smallest takes {flash:,} B of flash, and the least RAM is {ram:,} B.")
        say(remedy)
        return
    say(
        "Nothing that fits this budget was trained: these trials were over the budget of the study "
        "itself. Search again with the larger one."
    )
