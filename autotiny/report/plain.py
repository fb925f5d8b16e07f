"""Rows for programs: JSON or CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any


def rows_text(rows: Sequence[Mapping[str, Any]], output: str, columns: Sequence[str] = ()) -> str:
    """Return flat rows as text, without the last line's end.

    Args:
        rows: With the same keys each.
        output: ``json`` or ``csv``.
        columns: Keys, for the heading of a CSV without rows.
    """
    if output == "json":
        return json.dumps(list(rows), indent=2)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0] if rows else columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def facts_text(facts: Mapping[str, Any], output: str) -> str:
    """Return nested facts as JSON, or as CSV lines of a dotted name and a value."""
    if output == "json":
        return json.dumps(facts, indent=2)
    return rows_text([{"name": n, "value": v} for n, v in _flat(facts)], "csv", ("name", "value"))


def _flat(facts: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            flat.extend(_flat(value, f"{before}{name}."))
        elif isinstance(value, list | tuple):
            flat.append((before + name, "; ".join(map(str, value))))
        else:
            flat.append((before + name, value))
    return flat
