"""``autotiny front``."""

import dataclasses
from pathlib import Path

from autotiny.budget import Budget
from autotiny.commands._options import checked_format, checked_plot
from autotiny.errors import InputError, NothingFitsError
from autotiny.report.console import console
from autotiny.report.tables import front_table, front_text, print_closest
from autotiny.study import Search
from autotiny.units import parse_seconds, parse_size


def show_front(
    name: str,
    flash: str | None,
    ram: str | None,
    latency: str | None,
    output: str,
    plot: Path | None,
    trust: bool = False,
) -> int:
    """Print the front under the study's budget or another; return the exit code."""
    output = checked_format(output)
    plot = checked_plot(plot)
    changes: dict[str, float] = {}
    if flash is not None:
        changes["flash_bytes"] = parse_size(flash, name="--flash")
    if ram is not None:
        changes["ram_bytes"] = parse_size(ram, name="--ram")
    if latency is not None:
        changes["latency_s"] = parse_seconds(latency, name="--latency")
    search = Search.open(name, trusted=trust)
    if latency is not None and search.config.device.clock_hz is None:
        raise InputError(
            f"--latency needs a study that was searched for a device with a clock; {name} was not."
        )
    budget: Budget = dataclasses.replace(search.config.budget, **changes)  # type: ignore[arg-type]
    front = search.front(budget)
    if plot is not None and front:
        from autotiny.report.front_plot import draw_front

        draw_front(search.records(), front, budget, plot)
    if output != "table":
        print(front_text(front, output))
    elif front:
        out = console()
        out.print(front_table(front, budget, width=out.width))
    else:
        print_closest(search.records(), budget)
    if plot is not None and output == "table":
        console().print(f"Front drawn to {plot}" if front else "There is no front to draw.")
    return 0 if front else NothingFitsError.exit_code
