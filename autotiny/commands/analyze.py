"""``autotiny analyze``."""

from pathlib import Path

from autotiny.budget.verdict import Verdict
from autotiny.commands._options import Limits, checked_format, checked_plot, read_model_file
from autotiny.errors import NothingFitsError
from autotiny.report.console import console


def analyze_model(path: Path, limits: Limits, plot: Path | None, output: str) -> int:
    """Print everything about a model, and draw its arena; return the exit code."""
    checked_format(output)
    checked_plot(plot)
    verdict = judge(path, limits)
    if plot is not None:  # before anything is printed, since what reads that may close the pipe
        from autotiny.report.memory_map import draw_memory_map

        draw_memory_map(verdict, plot)
    _print(verdict, output)
    if plot is not None and output == "table":
        console().print(f"Memory map written to {plot}")
    return 0 if verdict.fits or not verdict.limits else NothingFitsError.exit_code


def judge(path: Path, limits: Limits) -> Verdict:
    """Return a model file held against its limits.

    Raises:
        InputError: If an option is malformed, or the file is no sound TFLite model.
    """
    budget, target = limits.budget_and_target()
    application = limits.application()
    data = read_model_file(path)
    from autotiny.runtimes import get_runtime

    analysis = get_runtime(trusted=False).analyze(data, target, **application)
    name = "".join(c if c.isprintable() else "?" for c in path.name)
    return Verdict(name, analysis, target, budget, **application)


def _print(verdict: Verdict, output: str) -> None:
    if output == "table":
        from autotiny.report.analysis import print_analysis

        print_analysis(verdict, console())
        return
    from autotiny.report.analysis_data import analysis_csv, analysis_json

    print(analysis_json(verdict) if output == "json" else analysis_csv(verdict))
