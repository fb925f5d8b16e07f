"""The steps of making a model smaller: for people, for programs and as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autotiny.report.figure import FAINT, INK, figure
from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text
from autotiny.report.tables import front_row, front_row_keys
from autotiny.study.front import TrialRecord
from autotiny.study.shrinking import Step
from autotiny.tasks.metrics import Metric

_WORDS = {"good": "", "below": "below the floor", "over": "over budget, not trained"}
_COLOURS = {"good": "#1565c0", "below": "#c62828"}


def steps_table(steps: Sequence[Step], best: TrialRecord | None, varied: str) -> Grid:
    """Return one row for each step, in the order they were made.

    Args:
        steps: At least one.
        best: The smallest good one, which is marked.
        varied: The hyperparameter that differs.
    """
    table = Grid(
        caption="scores: measured on validation data in the target's runtime; sizes in bytes"
    )
    metric = steps[0].record.metric.name
    titles = {"step": 3, "trial": 0, varied: 0, metric: 0, "flash": 0, "model": 1, "RAM": 2,
              "MACs": 4}  # fmt: skip
    for title, rank in titles.items():
        table.add_column(title, justify="right", rank=rank)
    table.add_column("")
    for number, step in enumerate(steps):
        record, footprint = step.record, step.record.footprint
        table.add_row(
            str(number),
            str(record.number),
            f"{step.setting[varied]:g}",
            "-" if record.score is None else f"{record.score:.4f}",
            f"{footprint.flash_bytes:,}",
            f"{footprint.model_bytes:,}",
            f"{footprint.ram_bytes:,}",
            f"{footprint.macs:,}",
            _told(step, best),
        )
    return table


def steps_text(
    steps: Sequence[Step], best: TrialRecord | None, varied: str, metric: Metric, output: str
) -> str:
    """Return the steps as ``json`` or ``csv`` text."""
    rows: list[dict[str, Any]] = [
        {
            "step": number,
            varied: step.setting[varied],
            "outcome": step.outcome,
            "repeated": step.repeated,
            "smallest": _is(step, best),
            **front_row(step.record),
        }
        for number, step in enumerate(steps)
    ]
    columns = ("step", varied, "outcome", "repeated", "smallest", *front_row_keys(metric))
    return rows_text(rows, output, columns)


def draw_steps(
    steps: Sequence[Step], best: TrialRecord | None, floor: float, varied: str, path: Path
) -> None:
    """Draw score over flash, every trained step, the floor, and the model that was found.

    Args:
        steps: Some of them trained.
        best: The smallest good one.
        floor: The score that was asked for.
        varied: The hyperparameter that differs.
        path: Ends in ``.svg`` or ``.png``.

    Raises:
        InputError: If the file cannot be written.
    """
    metric = steps[0].record.metric
    with figure(path, 7.2, 4.4) as drawn:
        axes = drawn.subplots()
        trained = [step for step in steps if step.record.score is not None and not step.repeated]
        ordered = sorted(_point(step.record) for step in trained)
        axes.plot([x for x, _ in ordered], [y for _, y in ordered], color=FAINT, linewidth=1.2)
        for outcome, label in (("good", "at least as good as the floor"), ("below", "below it")):
            points = [_point(step.record) for step in trained if step.outcome == outcome]
            axes.scatter(
                [x for x, _ in points],
                [y for _, y in points],
                s=36,
                color=_COLOURS[outcome],
                edgecolors=INK,
                label=label,
                zorder=3,
            )
        axes.axhline(floor, color="#c62828", linestyle="--", label=f"floor {floor:g}")
        for step in trained:
            axes.annotate(
                f"{step.setting[varied]:g}",
                _point(step.record),
                (0, 6 if step.outcome == "good" else -12),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=INK,
            )
        if best is not None:
            axes.scatter(*_point(best), s=150, facecolors="none", edgecolors=INK, label="smallest")
        axes.set_xlabel("flash, KiB (image measured, runtime code from a table)")
        axes.set_ylabel(f"validation {metric.name} (measured)")
        axes.set_title(f"Smaller by {varied.replace('_', ' ')}: {len(trained)} steps")
        axes.grid(color="#eceff1")
        axes.set_axisbelow(True)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=4, frameon=False)


def _is(step: Step, best: TrialRecord | None) -> bool:
    """Return whether a step made a trial."""
    return best is not None and not step.repeated and step.record.number == best.number


def _told(step: Step, best: TrialRecord | None) -> str:
    if step.repeated:
        return f"the same model as trial {step.record.number}"
    return "smallest above the floor" if _is(step, best) else _WORDS[step.outcome]


def _point(record: TrialRecord) -> tuple[float, float]:
    assert record.score is not None  # only trained steps are drawn
    return record.footprint.flash_bytes / 1024, record.score
