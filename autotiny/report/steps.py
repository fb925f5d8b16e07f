"""The steps of a model's C code, for people and programs."""

import dataclasses
import json
import re
from typing import Literal

from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text
from autotiny.report.tables import sureness
from autotiny.runtimes._base import Footprint
from autotiny.runtimes.c.layers import Steps

#: Heading to side, and how soon a column is left out where there is no room.
_COLUMNS: dict[str, tuple[Literal["left", "right"], int]] = {
    "step": ("right", 0), "operator": ("left", 0), "weights": ("left", 0),
    "stored as": ("left", 3), "constants": ("right", 0), "MACs": ("right", 2),
    "instructions": ("right", 1), "output": ("right", 4), "place": ("right", 5),
}  # fmt: skip
#: How converters end the names of weights: what the operator's name says already.
_ENDING = re.compile(r"/(convolution|Conv2D|depthwise|MatMul|Tensordot)\d*$")


def steps_table(found: Steps, footprint: Footprint) -> Grid:
    """Return one row for each step, one for what is shared, and their sums."""
    timed = footprint.instructions is not None
    table = Grid(caption=_caption(footprint))
    for title, (side, rank) in _COLUMNS.items():
        if timed or title != "instructions":
            table.add_column(title, justify=side, rank=rank, folds=title == "weights")

    def add(
        *cells: str, instructions: int | None, behind: tuple[str, str], style: str = ""
    ) -> None:
        told = (_count(instructions),) if timed else ()
        table.add_row(*cells, *told, *behind, style=style)

    for number, step in enumerate(found.steps):
        add(
            str(number),
            step.operator,
            _short(step.label),
            step.encoding or "-",
            _count(step.constant_bytes),
            _count(step.macs),
            instructions=step.instructions,
            behind=(f"{step.output_bytes:,}", f"{step.offset:,}{'*' if step.in_place else ' '}"),
        )
    shared = (_count(found.shared_bytes), "-")
    add(
        "", "shared", "", "", *shared, instructions=found.shared_instructions, behind=("", "")
    )  # fmt: skip
    sums = (_count(footprint.model_bytes), _count(footprint.macs))
    add(
        "", "total", "", "", *sums, instructions=footprint.instructions, behind=("", ""),
        style="bold",
    )  # fmt: skip
    return table


def _caption(footprint: Footprint) -> str:
    error = footprint.errors.get("model_bytes")
    within = "" if error is None else f" within {error:.0%}"
    work = ""
    if footprint.instructions is not None:
        work = f"instructions: {sureness(footprint)}, - of kernels that were not measured; "
    return (
        f"constants: {footprint.origins['model_bytes']}{within}, before functions; {work}MACs, "
        "output and place: exact; shared: constants that several steps use, gaps between them, and "
        "instructions around the steps; place: in the work buffer, * where a step writes over what "
        "it reads"
    )


def _count(value: int | None) -> str:
    return f"{value:,}" if value else "-"


def _short(label: str) -> str:
    """Return the layer's part of a name; converters join those of all layers that were fused."""
    parts = label.split(";")
    name = next((part for part in parts if _ENDING.search(part)), parts[0])
    own = _ENDING.sub("", name).split("/")[-1]
    return "".join(c if c.isprintable() else "?" for c in own)[-40:]


def steps_text(found: Steps, footprint: Footprint, output: str) -> str:
    """Return steps as JSON, with the footprint, or as CSV."""
    rows = [dataclasses.asdict(step) for step in found.steps]
    if output == "csv":
        return rows_text(rows, "csv")
    totals = {"flash_bytes": footprint.flash_bytes, "ram_bytes": footprint.ram_bytes}
    shared = {
        "constant_bytes": found.shared_bytes, "instructions": found.shared_instructions
    }  # fmt: skip
    return json.dumps({**totals, **_plain(footprint), "steps": rows, "shared": shared}, indent=2)


def _plain(footprint: Footprint) -> dict[str, object]:
    return {key: value for key, value in dataclasses.asdict(footprint).items() if key != "caveats"}
