"""``autotiny sensitivity``."""

from pathlib import Path

from rich.console import Console

from autotiny.commands._options import checked_format, checked_plot
from autotiny.errors import InputError
from autotiny.report.blocks import blocks_table, blocks_text
from autotiny.report.console import console
from autotiny.report.sensitivity import draw_sensitivity, sensitivity_table, sensitivity_text
from autotiny.study.search import Search


def show_sensitivity(name: str, plot: Path | None, output: str, trust: bool = False) -> None:
    """Print the sensitivity of a study's layers, and draw it.

    It is measured now if the study has not come that far yet.

    Raises:
        InputError: If an option is malformed, there is no such study, or there is nothing to lower.
    """
    checked_format(output)
    checked_plot(plot)
    search = Search.open(name, trusted=trust)
    with Console(stderr=True).status("measuring") as status:  # silent unless on a terminal
        rows = search.sensitivity(
            lambda step: status.update(f"{step.stage} {step.done}/{step.total}")
        )
    if not rows:
        raise InputError(
            f"A sensitivity table needs a precision to lower to; {search.config.device.name} has "
            "none but int8."
        )
    goal = search.task.goal
    if plot is not None:  # before anything is printed, since what reads that may close the pipe
        draw_sensitivity(rows, name, plot, goal)
    if output != "table":
        print(sensitivity_text(rows, output, goal))
        return
    out = console()
    out.print(sensitivity_table(rows, drawn=out.is_terminal, goal=goal))
    if plot is not None:
        out.print(f"Heat map written to {plot}")


def show_blocks(name: str, plot: Path | None, output: str, trust: bool = False) -> None:
    """Print what skipping each removable block of a study's base model costs.

    Raises:
        InputError: If an option is malformed, there is no such study, or no block can be removed.
    """
    checked_format(output)
    if plot is not None:
        raise InputError("--blocks prints a table; --plot draws the sensitivity of layers.")
    search = Search.open(name, trusted=trust)
    with Console(stderr=True).status("measuring") as status:
        rows = search.blocks(lambda step: status.update(f"{step.stage} {step.done}/{step.total}"))
    if not rows:
        raise InputError(
            f"A table of blocks needs a base model with blocks that can be left out, which have "
            f"inputs and outputs of one shape; {search.config.base_name} has none."
        )
    if output != "table":
        print(blocks_text(rows, output))
    else:
        console().print(blocks_table(rows))
