"""``autotiny front``."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autotiny.budget.limits import Budget
from autotiny.commands._options import Limits, checked_format, checked_plot
from autotiny.errors import NothingFitsError
from autotiny.report.closest import REMEDY, print_closest
from autotiny.report.console import console
from autotiny.report.tables import front_table, front_text
from autotiny.runtimes import get_runtime
from autotiny.study.front import TrialRecord, closest
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
            form = f", --optimise {target.optimise}" if where.name == "c" else ""
            console().print(f"On {target.name}{form}, with weights stored as it can read them:")
        console().print(front_table(front, budget))
    else:
        own = "the study's own budget" if budget == config.budget else "this budget"
        other = where.name if where.name != config.runtime else ""
        remedy = _more_room(name, records, budget, limits, other)
        print_closest(records, budget, whose=own, remedy=remedy)
    if plot is not None and output == "table":
        console().print(f"Front drawn to {plot}" if front else "There is no front to draw.")
    return 0 if front else NothingFitsError.exit_code


def _more_room(
    name: str, records: Sequence[TrialRecord], budget: Budget, limits: Limits, runtime: str
) -> str:
    """Return the command that shows the trial which misses a budget by least.

    Args:
        name: Of the study.
        records: Its trials.
        budget: What none of them fits.
        limits: Options as typed.
        runtime: In which they are, if that is not the study's.
    """
    rows = closest([record for record in records if record.litert_score is not None], budget, 1)
    if not rows:
        return REMEDY
    footprint = rows[0][0].footprint
    sizes = {"flash": footprint.flash_bytes, "ram": footprint.ram_bytes}
    options = [f"--runtime {runtime}"] * bool(runtime)
    options += [f"--device {limits.device}"] * (limits.device is not None)
    options += [f"--optimise {limits.optimise}"] * (limits.optimise is not None)
    if budget.latency_s is not None and footprint.latency_s is not None:
        options.append(f"--latency {math.ceil(footprint.latency_s * 1000)}ms")
    options += [f"--{limit} {-(-size // 1024)}KB" for limit, size in sizes.items()]
    command = f"`autotiny front {name} {' '.join(options)}`"
    other = (
        f", or search for that runtime (`autotiny search --runtime {runtime}`)" if runtime else ""
    )
    return f"Give more room, as in {command}{other}; a smaller base model takes less."
