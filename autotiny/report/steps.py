"""The steps of a model's C code, for people and programs."""

import dataclasses
import json
from collections.abc import Sequence

from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text
from autotiny.runtimes._base import Footprint
from autotiny.runtimes.c.layers import StepFacts


def steps_table(steps: Sequence[StepFacts]) -> Grid:
    """Return one row for each step."""
    table = Grid(
        caption="constants and bytes: exact, before functions; place: in the work buffer, * where "
        "a step writes over what it reads"
    )
    titles = {"step": 0, "kernel": 0, "weights": 3, "stored as": 1, "constants": 0, "MACs": 2,
              "output": 1, "place": 2}  # fmt: skip
    for title, rank in titles.items():
        side = "left" if title in ("kernel", "weights", "stored as") else "right"
        table.add_column(title, justify=side, rank=rank)  # type: ignore[arg-type]
    for number, step in enumerate(steps):
        table.add_row(
            str(number),
            step.kernel,
            _short(step.label),
            step.encoding or "-",
            f"{step.constant_bytes:,}",
            f"{step.macs:,}" if step.macs else "-",
            f"{step.output_bytes:,}",
            f"{step.offset:,}{'*' if step.in_place else ' '}",
        )
    return table


def _short(label: str) -> str:
    """Return the last two parts of a name; converters join those of all layers that were fused."""
    parts = label.split(";")[0].split("/")[-2:]
    return "/".join("".join(c if c.isprintable() else "?" for c in part)[-40:] for part in parts)


def steps_text(steps: Sequence[StepFacts], footprint: Footprint, output: str) -> str:
    """Return steps as JSON, with the footprint, or as CSV."""
    rows = [dataclasses.asdict(step) for step in steps]
    if output == "json":
        totals = {"flash_bytes": footprint.flash_bytes, "ram_bytes": footprint.ram_bytes}
        return json.dumps({**totals, **_plain(footprint), "steps": rows}, indent=2)
    return rows_text(rows, "csv")


def _plain(footprint: Footprint) -> dict[str, object]:
    return {key: value for key, value in dataclasses.asdict(footprint).items() if key != "caveats"}
