"""``autotiny analyze --runtime c``."""

from pathlib import Path

from autotiny.commands._options import Limits, checked_format, read_model_file
from autotiny.errors import InputError, NothingFitsError
from autotiny.report.console import console
from autotiny.report.steps import steps_table, steps_text
from autotiny.report.tables import basis_of, cost_line, footprint_table, lacking
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Footprint


def analyze_steps(path: Path, limits: Limits, plot: Path | None, output: str) -> int:
    """Print what a model takes as C code, step by step; return the exit code."""
    checked_format(output)
    if plot is not None:
        raise InputError("--plot draws TFLM's arena; the c runtime's table says where things lie.")
    runtime = get_runtime(limits.runtime, trusted=False)
    budget, target = limits.budget_and_target()
    data = read_model_file(path)
    from autotiny.runtimes.c.layers import steps_of

    steps = steps_of(data, target.core)
    footprint = runtime.footprint(data, target, **limits.application())
    lacks = lacking(budget, footprint)
    if output != "table":
        print(steps_text(steps, footprint, output))
    else:
        say = console().print
        say(f"{path.name} as {runtime.words.title} on {target.name} ({target.core})", style="bold")
        say(footprint_table(footprint, budget))
        if costs := cost_line(footprint):
            say(f"  {costs}")
        say(steps_table(steps, footprint))
        say(f"{basis_of([footprint])}; {_next(footprint)}")
        if lacks:
            say(f"It does not fit: it lacks {lacks}.", style="bold red")
    return NothingFitsError.exit_code if lacks else 0


def _next(footprint: Footprint) -> str:
    """Return what tells more of a core: nothing here compiles for one that is estimated."""
    if footprint.origins["runtime_bytes"] == "estimated":
        return "`autotiny compile` writes it, for a compiler of yours to measure"
    return "`autotiny compile` measures it"
