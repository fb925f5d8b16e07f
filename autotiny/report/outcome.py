"""What a model's outputs on the test split tell besides the score, for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autotiny.report.grid import Grid

#: A larger confusion matrix is no longer read; its rows are in the JSON.
_MOST_CLASSES = 20


def outcome_parts(facts: Mapping[str, Any], names: Sequence[str]) -> Iterator[Grid]:
    """Yield the tables that the facts of a task's kind make.

    Args:
        facts: From ``TaskKind.facts``.
        names: Of classes, labels or values.
    """
    confusion = facts.get("confusion")
    if confusion is not None and len(names) <= _MOST_CLASSES:
        yield _confusion(confusion, facts.get("recall", {}), names)
        return
    columns = {key: value for key, value in facts.items() if isinstance(value, Mapping)}
    if columns:
        table = Grid()
        table.add_column("")
        for title in columns:
            table.add_column(title.replace("_", " "), justify="right")
        for name in names:
            table.add_row(name, *(_number(column.get(name)) for column in columns.values()))
        yield table
    single = {k: v for k, v in facts.items() if isinstance(v, int | float)}
    if single:
        table = Grid()
        table.add_column("")
        table.add_column("value", justify="right")
        for key, value in single.items():
            table.add_row(key.replace("_", " "), _number(value))
        yield table


def _confusion(
    rows: Sequence[Sequence[int]], recall: Mapping[str, Any], names: Sequence[str]
) -> Grid:
    table = Grid(caption="test split; rows: true class, columns: the model's decision")
    table.add_column("true")
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("recall", justify="right")
    for name, row in zip(names, rows, strict=True):
        counts = [str(count) if count else "." for count in row]
        table.add_row(name, *counts, _share(recall.get(name)))
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
