"""The sensitivity table of a study: for people, for programs, and as a heat map."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from autotiny.compression.sensitivity import Sensitivity
from autotiny.report.figure import FAINT, figure
from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text
from autotiny.tasks._base import CLASSIFY, Goal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Sensitivity]
_BARS = " ▁▂▃▄▅▆▇█"
#: From harmless to harmful, readable on dark and light terminals.
_HEAT = ("green", "green", "yellow", "dark_orange", "red")
#: Metrics that are shares, whose losses are told in percentage points.
_SHARES = {"accuracy", "balanced_accuracy", "macro_f1", "roc_auc"}
_PRECISIONS = "w4a8: 4-bit weights, 8-bit activations; c: clustered, stored as a look-up table"


def _legend(goal: Goal) -> str:
    unit = ", in percentage points" if goal.metric.name in _SHARES else ""
    return (
        f"first: {goal.kind.divergence_name} from the float model's outputs beyond that of int8; "
        f"then: {goal.metric.name} lost against int8 throughout{unit}; both measured on "
        "validation data, one layer lowered at a time"
    )


def sensitivity_rows(rows: Rows, goal: Goal = CLASSIFY) -> list[dict[str, Any]]:
    """Return plain rows: the divergence in its unit, the loss of score as the metric has it."""
    nats = goal.kind.divergence_name.endswith("(nats)")
    divergence = "kl_divergence_nats" if nats else "divergence"
    return [
        {
            "layer": row.layer,
            "precision": str(row.precision),
            "weight_bits": row.precision.weight_bits,
            "activation_bits": row.precision.activation_bits,
            "clustered": row.precision.clustered,
            divergence: row.divergence,
            f"{goal.metric.name}_loss": row.score_loss,
        }
        for row in rows
    ]


def sensitivity_text(rows: Rows, output: str, goal: Goal = CLASSIFY) -> str:
    """Return the table as ``json`` or ``csv`` text."""
    plain = sensitivity_rows(rows, goal)
    if output == "json":
        return json.dumps({"origin": "measured on validation data", "rows": plain}, indent=2)
    return rows_text(plain, output)


def sensitivity_table(rows: Rows, *, drawn: bool, goal: Goal = CLASSIFY) -> Grid:
    """Return layers down, precisions across.

    Args:
        rows: At least one measurement.
        drawn: Add bars and heat colours, for a terminal.
        goal: What the outputs mean and are scored by.
    """
    table = Grid(caption=f"{_legend(goal)}\n{_PRECISIONS}")
    share = goal.metric.name in _SHARES
    layers, precisions, cells = _grid(rows)
    table.add_column("layer")
    for precision in precisions:
        table.add_column(precision, justify="right")
    worst = max((row.divergence for row in rows), default=0.0)
    for layer in layers:
        found = [cells.get((layer, precision)) for precision in precisions]
        table.add_row(layer, *(_cell(row, worst, drawn, share) for row in found))
    return table


def _grid(rows: Rows) -> tuple[list[str], list[str], dict[tuple[str, str], Sensitivity]]:
    """Return layers in order, precisions from many bits to few, and the measurements."""
    layers = list(dict.fromkeys(row.layer for row in rows))
    ordered = sorted(
        {row.precision for row in rows},
        key=lambda p: (-p.activation_bits, -p.weight_bits, p.clustered),
    )
    cells = {(row.layer, str(row.precision)): row for row in rows}
    return layers, [str(precision) for precision in ordered], cells


def _cell(row: Sensitivity | None, worst: float, drawn: bool, share: bool) -> Text:
    if row is None:
        return Text("-")
    kl = _unsigned_zero(f"{row.divergence:.4f}")
    points = _points(row.score_loss) if share else f"{row.score_loss:+.4f}"
    if not drawn:
        return Text(f"{kl} {points:>7}")
    heat = _heat(row.divergence, worst)
    bar = _BARS[round(heat * (len(_BARS) - 1))]
    return Text(f"{bar} {kl}\n{points}", style=_HEAT[round(heat * (len(_HEAT) - 1))])


def _heat(value: float, worst: float) -> float:
    """Return 0..1; the square root lets small costs be told apart."""
    return float(max(0.0, value / worst) ** 0.5) if worst > 0 else 0.0


def _unsigned_zero(text: str) -> str:
    """Return a number without the sign that rounding leaves on a zero."""
    return text if float(text) else text.lstrip("-")


def _points(loss: float) -> str:
    """Return percentage points of accuracy."""
    return f"{100 * loss:+.1f}pp" if abs(loss) >= 0.0005 else "0.0pp"


def draw_sensitivity(rows: Rows, name: str, path: Path, goal: Goal = CLASSIFY) -> None:
    """Draw divergence and loss of score as two heat maps side by side.

    Args:
        rows: At least one measurement.
        name: The study's, for the title.
        path: Ends in ``.svg`` or ``.png``.
        goal: What the outputs mean and are scored by.

    Raises:
        InputError: If the file cannot be written.
    """
    factor = 100 if goal.metric.name in _SHARES else 1
    unit = " (percentage points)" if factor == 100 else ""
    layers, precisions, cells = _grid(rows)
    width = 3.2 + 1.5 * len(precisions)
    with figure(path, max(8.0, width), 2.2 + 0.36 * len(layers)) as drawn:
        left, right = drawn.subplots(1, 2, sharey=True)
        found = [[cells.get((layer, p)) for p in precisions] for layer in layers]
        kl = [[row.divergence if row else None for row in line] for line in found]
        loss = [[factor * row.score_loss if row else None for row in line] for line in found]
        _heat_map(left, goal.kind.divergence_name, kl, "{:.3f}")
        _heat_map(right, f"{goal.metric.name} loss{unit}", loss, "{:.1f}" if unit else "{:.3f}")
        for axes in (left, right):
            axes.set_xticks(range(len(precisions)), precisions)
        left.set_yticks(range(len(layers)), layers)
        drawn.suptitle(
            f"{name}: what lowering one layer alone costs", fontweight="bold", fontsize=11
        )
        drawn.supxlabel(
            "Against int8 throughout. Measured on validation data. w: bits of weights, a: of "
            "activations, c: clustered (look-up table).",
            fontsize=8, color="#607d8b",
        )  # fmt: skip


def _heat_map(axes: "Axes", title: str, values: list[list[float | None]], pattern: str) -> None:
    import numpy as np
    from matplotlib.colors import PowerNorm

    grid = np.array([[np.nan if v is None else v for v in line] for line in values], float)
    worst = max(float(np.nanmax(grid)), 1e-9)
    # What improved counts as harmless; the root tells small costs apart.
    norm = PowerNorm(0.5, vmin=0.0, vmax=worst, clip=True)
    axes.imshow(np.maximum(grid, 0), cmap="YlOrRd", norm=norm, aspect="auto")
    axes.set_facecolor("#eceff1")
    axes.set_title(title, fontweight="normal", fontsize=9.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(np.arange(grid.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(grid.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for (line, column), value in np.ndenumerate(grid):
        known = not np.isnan(value)
        dark = known and max(value, 0) > 0.45 * worst
        text = _unsigned_zero(pattern.format(value)) if known else "–"
        colour = "white" if dark else "#263238" if known else FAINT
        axes.text(column, line, text, ha="center", va="center", fontsize=8, color=colour)
