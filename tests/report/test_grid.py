"""On a terminal of any width a number is shown whole or not at all."""

import io
import re

import pytest
from helpers_records import record
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from autotiny.budget.limits import Budget
from autotiny.commands.devices import _table as devices_table
from autotiny.compression.sensitivity import Sensitivity
from autotiny.devices import device_names, load_device
from autotiny.networks.precision import LayerPrecision
from autotiny.report.closest import closest_table
from autotiny.report.grid import Grid
from autotiny.report.sensitivity import sensitivity_table
from autotiny.report.tables import footprint_table, front_table

NUMBER = re.compile(r"[+-]?\d[\d,.]*\d|\d")


def text(table, width):
    file = io.StringIO()
    Console(file=file, width=width, markup=False, highlight=False).print(table)
    return file.getvalue()


def check_numbers(table, width):
    """Every number of the narrow table is one of the wide table, and no line is cut."""
    narrow, wide = text(table, width), text(table, 1000)
    allowed = set(NUMBER.findall(wide))
    assert [n for n in NUMBER.findall(narrow) if n not in allowed] == []
    assert "…" not in narrow
    assert max((len(line.rstrip()) for line in narrow.splitlines()), default=0) <= width
    return narrow


numbers = st.integers(0, 2**31).map(lambda n: f"{n:,}")
words = st.sampled_from(["width 0.25, distilled", "lut4/channel", "a", "conv_2d and pool", ""])


@st.composite
def grids(draw):
    grid = Grid(caption=draw(st.sampled_from(["", "sizes in bytes; " * 6])))
    columns = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=9))
    for i, (folds, rank) in enumerate(columns):
        grid.add_column(f"column{i}", justify="right", rank=rank, folds=folds)
    for _ in range(draw(st.integers(0, 4))):
        grid.add_row(*(draw(words if folds else numbers) for folds, _ in columns))
    return grid


@settings(max_examples=80, deadline=None)
@given(grids(), st.integers(40, 200))
def test_any_grid_at_any_width(grid, width):
    check_numbers(grid, width)


def rows():
    return [
        record(38, latency=0.0123, energy=0.0123, width=0.5, sparsity=0.65),
        record(1034, latency=1.5, width=0.25, distillation_alpha=0.5),
    ]


def measurements():
    precisions = [LayerPrecision(4), LayerPrecision(8, 16)]
    precisions += [LayerPrecision(bits, clustered=True) for bits in (4, 3, 2, 1)]
    return [
        Sensitivity(f"pointwise{layer}", precision, 0.01 * layer - 0.02, 0.00123 * layer)
        for layer in range(4)
        for precision in precisions
    ]


TABLES = {
    "front": lambda: front_table(rows(), Budget(1_048_576, 262_144, 0.5)),
    "closest": lambda: closest_table(
        [(r, {"flash_bytes": 123_456, "latency_s": 0.0042}) for r in rows()]
    ),
    "footprint": lambda: footprint_table(rows()[0].footprint, Budget(1_048_576, 262_144)),
    "sensitivity": lambda: sensitivity_table(measurements(), drawn=False),
    "sensitivity drawn": lambda: sensitivity_table(measurements(), drawn=True),
    "devices": lambda: devices_table([load_device(name) for name in device_names()]),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_at_every_width(name):
    table = TABLES[name]()
    shown = [check_numbers(table, width) for width in range(40, 201, 3)]
    assert shown[0] != shown[-1] or name == "footprint"


def test_what_matters_least_goes_first():
    table = Grid()
    for title, rank in (("trial", 0), ("accuracy", 0), ("model", 2), ("MACs", 3)):
        table.add_column(title, rank=rank)
    table.add_row("12", "0.9816", "13,952", "2,656,768")
    assert "MACs" in text(table, 60)
    assert "MACs" not in text(table, 30)
    assert "model" in text(table, 30)
    assert "model" not in text(table, 20)
    paragraphs = text(table, 12)
    assert "accuracy" in paragraphs
    assert "2,656,768" in paragraphs
