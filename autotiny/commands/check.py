"""``autotiny check``."""

from pathlib import Path

from autotiny.budget.verdict import Verdict
from autotiny.commands._options import Limits, checked_format
from autotiny.commands.analyze import judge
from autotiny.errors import NothingFitsError
from autotiny.report.analysis import (
    code_note,
    print_unaccounted,
    print_verdict,
    region_table,
    time_lines,
)
from autotiny.report.analysis_data import verdict_csv, verdict_json
from autotiny.report.console import console


def check_model(path: Path, limits: Limits, output: str) -> int:
    """Print whether a model fits, and its regions; return the exit code.

    A model that the runtime or the target refuses does not fit, whatever the budget.
    """
    checked_format(output)
    verdict = judge(path, limits)
    if output == "table":
        _print(verdict)
    else:
        print(verdict_json(verdict) if output == "json" else verdict_csv(verdict))
    fine = not verdict.analysis.refusal and (verdict.fits or not verdict.limits)
    return 0 if fine else NothingFitsError.exit_code


def _print(verdict: Verdict) -> None:
    out = console()
    print_verdict(verdict, out)
    out.print(region_table(verdict))
    for line in (f"runtime code: {code_note(verdict)}", *time_lines(verdict)):
        out.print(f"  {line}", style="dim")
    print_unaccounted(verdict, out)
