"""``autotiny front``."""

from dataclasses import replace
from pathlib import Path

from autotiny.commands._options import Limits, checked_format, checked_plot
from autotiny.errors import NothingFitsError
from autotiny.report.console import console
from autotiny.report.tables import front_table, front_text, print_closest
from autotiny.runtimes import get_runtime
from autotiny.study.retarget import records_on
from autotiny.study.search import Search


def show_front(
    name: str,
    limits: Limits,
    output: str,
    plot: Path | None,
    trust: bool = False,
    runtime: str | None = None,
) -> int:
    """Print the front under the study's budget or another; return the exit code."""
    output = checked_format(output)
    plot = checked_plot(plot)
    search = Search.open(name, trusted=trust)
    config = search.config
    where = get_runtime(runtime) if runtime is not None else search.runtime
    limits = replace(limits, runtime=where.name)
    budget, target = limits.budget_and_target(config.budget, config.device)
    records = records_on(search, target, budget, where)
    front = search.front(budget, records)
    if plot is not None and front:
        from autotiny.report.front_plot import draw_front

        draw_front(records, front, budget, plot)
    if output != "table":
        print(front_text(front, output, config.score))
    elif front:
        if where.name != config.runtime:
            console().print(f"In the {where.name} runtime, with weights stored for it:")
        elif target != config.device:
            console().print(f"On {target.name}, with weights stored as it can read them:")
        console().print(front_table(front, budget))
    else:
        print_closest(records, budget)
    if plot is not None and output == "table":
        console().print(f"Front drawn to {plot}" if front else "There is no front to draw.")
    return 0 if front else NothingFitsError.exit_code
