"""Live progress of a search: a bar on a terminal, a line per trial when piped."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from autotiny.study.front import TrialRecord
from autotiny.study.progress import OnProgress
from autotiny.study.progress import Progress as Step
from autotiny.units import format_seconds

_STAGES = {
    "base": "training the base model",
    "sensitivity": "measuring layer sensitivity",
    "blocks": "measuring what each block is worth",
    "channels": "measuring what channels do",
    "zeros": "measuring what zeros in each layer cost",
    "train": "training",
    "trial": "choosing",
    "error": "choosing",
}


@contextlib.contextmanager
def search_progress(console: Console, total: int, done: int) -> Iterator[OnProgress]:
    """Yield the function that a search reports to.

    Args:
        console: Where to draw.
        total: Trials the study shall have.
        done: Trials it has.
    """
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} trials"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("search", total=total, completed=done, note="")

        def report(step: Step) -> None:
            note = f"{_STAGES[step.stage]} {step.done}/{step.total}"
            if step.error is not None:
                bar.console.print(f"a candidate failed: {step.error}")
            if step.record is not None:
                bar.console.print(trial_line(step.record))
                bar.update(task, completed=step.done)
                note = ""
            bar.update(task, note=note)

        yield report


class _Lines:
    """One line when a stage begins and one for each trial."""

    def __init__(self, console: Console) -> None:
        self._console, self._stage, self._started = console, "", time.monotonic()

    def __call__(self, step: Step) -> None:
        if step.error is not None:
            self._console.print(f"a candidate failed: {step.error}")
        elif step.record is not None:
            self._console.print(f"[{step.done}/{step.total}] {trial_line(step.record)}")
        elif (
            step.stage in ("base", "sensitivity", "blocks", "channels", "zeros")
            and step.stage != self._stage
        ):
            self._console.print(f"{_STAGES[step.stage]} ({step.total} steps)")
        self._stage = step.stage


def trial_line(record: TrialRecord) -> str:
    """Return one trial in one line."""
    footprint = record.footprint
    sizes = (
        f"flash {footprint.flash_bytes:>7,} B (model {footprint.model_bytes:>6,})  "
        f"RAM {footprint.ram_bytes:>7,} B"
    )
    score = (
        "over budget, not trained"
        if record.litert_score is None
        else f"{record.metric.name} {record.litert_score:.4f}"
    )
    return f"trial {record.number:>3}  {sizes}  {score}  {format_seconds(record.seconds)}"
