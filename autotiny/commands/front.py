"""``autotiny front``."""

import dataclasses

from autotiny.budget import Budget
from autotiny.errors import InputError
from autotiny.report.console import console
from autotiny.report.tables import front_table, front_text, print_closest
from autotiny.study import Search
from autotiny.units import parse_seconds, parse_size

FORMATS = ("table", "json", "csv")


def show_front(
    name: str, flash: str | None, ram: str | None, latency: str | None, output: str
) -> int:
    """Print the front under the study's budget or another; return the exit code."""
    if output not in FORMATS:
        raise InputError(f"--format must be one of {', '.join(FORMATS)}; got {output!r}.")
    changes: dict[str, float] = {}
    if flash is not None:
        changes["flash_bytes"] = parse_size(flash, name="--flash")
    if ram is not None:
        changes["ram_bytes"] = parse_size(ram, name="--ram")
    if latency is not None:
        changes["latency_s"] = parse_seconds(latency, name="--latency")
    search = Search.open(name)
    if latency is not None and search.config.device.clock_hz is None:
        raise InputError(
            f"--latency needs a study that was searched for a device with a clock; {name} was not."
        )
    budget: Budget = dataclasses.replace(search.config.budget, **changes)  # type: ignore[arg-type]
    front = search.front(budget)
    if output != "table":
        print(front_text(front, output))
    elif front:
        console().print(front_table(front, budget))
    else:
        print_closest(search.records(), budget)
    return 0 if front else 3
