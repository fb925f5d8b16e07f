"""``autotiny check``."""

from pathlib import Path

from autotiny.commands._options import Limits
from autotiny.commands.analyze import judge
from autotiny.errors import NothingFitsError
from autotiny.report.analysis import print_unaccounted, print_verdict, region_table, time_lines
from autotiny.report.console import console


def check_model(path: Path, limits: Limits) -> int:
    """Print whether a model fits, and its regions; return the exit code.

    A model that the runtime or the target refuses does not fit, whatever the budget.
    """
    verdict, out = judge(path, limits), console()
    print_verdict(verdict, out)
    out.print(region_table(verdict))
    for line in time_lines(verdict):
        out.print(f"  {line}", style="dim")
    print_unaccounted(verdict, out)
    fine = not verdict.analysis.refusal and (verdict.fits or not verdict.limits)
    return 0 if fine else NothingFitsError.exit_code
