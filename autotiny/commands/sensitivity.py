"""``autotiny sensitivity``."""

from pathlib import Path

from rich.console import Console

from autotiny.commands._options import checked_format, checked_plot
from autotiny.errors import InputError
from autotiny.report.console import console
from autotiny.report.progress import search_progress
from autotiny.report.sensitivity import draw_sensitivity, sensitivity_table, sensitivity_text
from autotiny.study import Search


def show_sensitivity(name: str, plot: Path | None, output: str) -> None:
    """Print the sensitivity of a study's layers, and draw it.

    It is measured now if the study has not come that far yet.

    Raises:
        InputError: If an option is malformed, there is no such study, or there is nothing to lower.
    """
    checked_format(output)
    checked_plot(plot)
    search = Search.open(name)
    with search_progress(Console(stderr=True), search.config.trials, 0) as report:
        rows = search.sensitivity(report)
    if not rows:
        raise InputError(
            f"A sensitivity table needs a precision to lower to; {search.config.device.name} has "
            "none but int8."
        )
    out = console()
    if output == "table":
        out.print(sensitivity_table(rows, drawn=out.is_terminal))
    else:
        print(sensitivity_text(rows, output))
    if plot is not None:
        draw_sensitivity(rows, name, plot)
        if output == "table":
            out.print(f"Heat map written to {plot}")
