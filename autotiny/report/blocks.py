"""What each removable block of a base model is worth: for people and for programs."""

import json
from collections.abc import Sequence
from typing import Any

from autotiny.compression.depth import BlockCost
from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text

_LEGEND = (
    "divergence: of the outputs from the base model's where that block alone is skipped; alone, "
    "together: score lost where it is skipped, and where all above it are too; measured on "
    "validation data, before any training. `depth` removes blocks from the top"
)


def blocks_rows(rows: Sequence[BlockCost]) -> list[dict[str, Any]]:
    """Return plain rows, the block that goes first at the front."""
    return [
        {
            "removed": count,
            "block": row.block,
            "divergence": row.divergence,
            "score_loss": row.score_loss,
            "joint_score_loss": row.joint_score_loss,
        }
        for count, row in enumerate(rows, start=1)
    ]


def blocks_text(rows: Sequence[BlockCost], output: str) -> str:
    """Return the table as ``json`` or ``csv`` text."""
    plain = blocks_rows(rows)
    if output == "json":
        return json.dumps({"origin": "measured on validation data", "rows": plain}, indent=2)
    return rows_text(plain, output)


def blocks_table(rows: Sequence[BlockCost]) -> Grid:
    """Return one line a block, in the order in which they go."""
    table = Grid(caption=_LEGEND)
    for name in ("removed", "block", "divergence", "alone", "together"):
        table.add_column(name, justify="left" if name == "block" else "right")
    for count, row in enumerate(rows, start=1):
        losses = (row.score_loss, row.joint_score_loss)
        table.add_row(
            str(count), row.block, f"{row.divergence:.4f}", *(f"{loss:+.4f}" for loss in losses)
        )
    return table
