"""Tables of trials, for people and for programs."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from autotiny.budget import Budget
from autotiny.front import TrialRecord, closest
from autotiny.report.console import console
from autotiny.runtimes._base import Footprint
from autotiny.units import format_bytes, format_seconds

#: Characters that the front takes with shares of the budget and MACs, and with neither.
_WIDE, _NARROW = 110, 80
#: Characters that a column of times or energies takes.
_COST_WIDTH = 10
#: How weights are stored without a zero taking less room than another value.
_DENSE = frozenset({"int8", "int4"})


def front_row(record: TrialRecord) -> dict[str, Any]:
    """Return a trial as one flat row; sizes are bytes, accuracy is on validation data."""
    footprint = record.footprint
    return {
        "trial": record.number,
        "accuracy": record.score,
        "accuracy_litert": record.accuracy,
        "flash_bytes": footprint.flash_bytes,
        "ram_bytes": footprint.ram_bytes,
        "model_bytes": footprint.model_bytes,
        "runtime_bytes": footprint.runtime_bytes,
        "arena_bytes": footprint.arena_bytes,
        "macs": footprint.macs,
        "params": footprint.params,
        "instructions": footprint.instructions,
        "latency_s": footprint.latency_s,
        "energy_mj": footprint.energy_mj,
    }


def front_text(records: Sequence[TrialRecord], output: str) -> str:
    """Return the front as ``json`` or ``csv`` text."""
    rows = [front_row(record) for record in records]
    if output == "json":
        return json.dumps(rows, indent=2)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(front_row_keys()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def front_row_keys() -> tuple[str, ...]:
    """Return the column names of ``front_row``."""
    empty = Footprint(0, 0, 0, 0, 0, 0, 0, 0)
    return tuple(front_row(TrialRecord(0, {}, empty, 0.0, 0.0, {}, {}, {}, 0.0)))


def front_table(records: Sequence[TrialRecord], budget: Budget, *, width: int = _WIDE) -> Table:
    """Return the front as a table, its caption saying where the figures come from.

    Args:
        records: Trials, in the order to show them.
        budget: Limits that sizes are shown as shares of, if there is room.
        width: Characters there are; below 110 shares and MACs are left out. Latency and energy,
            shown where known, take 10 each off it, and if that leaves less than 80 the parts of
            flash and RAM are left out too.
    """
    timed = any(record.footprint.latency_s is not None for record in records)
    charged = any(record.footprint.energy_mj is not None for record in records)
    room = width - _COST_WIDTH * (timed + charged)
    wide, parts = room >= _WIDE, room >= _NARROW or not timed
    table = Table(box=box.SIMPLE_HEAD, caption=_legend(records), caption_justify="left")
    table.caption_style = "dim"
    table.collapse_padding = table.pad_edge = False
    titles = ["trial", "accuracy", "flash", *["model"] * parts, "RAM", *["arena"] * parts]
    titles += ["MACs"] * wide + ["latency"] * timed + ["energy"] * charged
    for title in titles:
        table.add_column(title, justify="right", min_width=len(title))
    table.add_column("compression", ratio=1)
    for record in records:
        footprint = record.footprint
        flash, ram = (budget.flash_bytes, budget.ram_bytes) if wide else (None, None)
        cells = [
            str(record.number),
            f"{record.score:.4f}",
            f"{footprint.flash_bytes:,}{_share(footprint.flash_bytes, flash)}",
            *[f"{footprint.model_bytes:,}"] * parts,
            f"{footprint.ram_bytes:,}{_share(footprint.ram_bytes, ram)}",
            *[f"{footprint.arena_bytes:,}"] * parts,
        ]
        cells += [f"{footprint.macs:,}"] * wide
        cells += [_latency(footprint)] * timed + [_energy(footprint)] * charged
        for column, cell in zip(table.columns, cells, strict=False):
            column.min_width = max(column.min_width or 0, len(cell))
        table.add_row(*cells, compression(record))
    return table


def _latency(footprint: Footprint) -> str:
    return "-" if footprint.latency_s is None else format_seconds(footprint.latency_s)


def _energy(footprint: Footprint) -> str:
    return "-" if footprint.energy_mj is None else f"{footprint.energy_mj:.3g} mJ"


def cost_line(footprint: Footprint) -> str:
    """Return latency and energy per inference as far as they are known; empty if neither is."""
    known = [f"latency {_latency(footprint)}"] * (footprint.latency_s is not None)
    known += [f"energy {_energy(footprint)}"] * (footprint.energy_mj is not None)
    return f"{', '.join(known)} per inference (predicted)" if known else ""


def compression(record: TrialRecord) -> str:
    """Return what was done to a trial's model in a few words.

    Sparsity is named only where some weights are stored in a way that zeros make smaller.
    """
    parameters = record.parameters
    parts = [f"width {parameters['width']:.2f}"] if "width" in parameters else []
    if parameters.get("sparsity") and not _DENSE.issuperset(record.encodings.values()):
        parts.append(f"sparsity {parameters['sparsity']:.2f}")
    if parameters.get("distillation_alpha"):
        parts.append("distilled")
    # A precision that is plain from how the weights are stored need not be told twice.
    stored = sorted({name for name in record.encodings.values() if name != "int8"})
    plans = set(record.plan.values()) - ({"w4a8"} if "int4" in stored else set())
    return ", ".join([*parts, *sorted(plans), *stored])


def _share(used: int, limit: int | None) -> str:
    return f" ({used / limit:.0%})" if limit else ""


def _legend(records: Sequence[TrialRecord]) -> str:
    scored = any(record.device_accuracy is not None for record in records)
    where = "in the target's runtime" if scored else "in LiteRT"
    text = (
        f"accuracy: measured on validation data {where}; sizes in bytes; flash: the model, "
        "measured, and runtime code, from a table; RAM: the arena, predicted for the 32-bit "
        "target, and a reserve for statics and stack"
    )
    if all(record.footprint.latency_s is None for record in records):
        return text
    charged = any(record.footprint.energy_mj is not None for record in records)
    return (
        f"{text}; latency{' and energy' * charged}: predicted from instructions (within 5 % with "
        "reference kernels, 22 % with CMSIS-NN, 35 % with its vector kernels) and assumed cycles "
        "per instruction"
    )


def closest_table(rows: Sequence[tuple[TrialRecord, Mapping[str, float]]]) -> Table:
    """Return the trials that miss a budget by least, and what each lacks."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("trial", "flash", "RAM", "lacks"):
        table.add_column(title, justify="left" if title == "lacks" else "right", no_wrap=True)
    for record, lacks in rows:
        footprint = record.footprint
        told = ", ".join(_lack(name, value) for name, value in lacks.items())
        table.add_row(
            str(record.number), f"{footprint.flash_bytes:,}", f"{footprint.ram_bytes:,}", told
        )
    return table


def print_closest(records: Sequence[TrialRecord], budget: Budget) -> None:
    """Say that nothing fits, by how much, and what to try."""
    say = console().print
    if not records:
        say("No trial has finished yet.")
        return
    say("Nothing fits the budget. The closest trials:")
    say(closest_table(closest(records, budget)))
    say("Give more room, or search a smaller base model (`base:` in the search space).")


_NAMES = {"flash_bytes": "flash", "ram_bytes": "RAM", "latency_s": "time per inference"}


def _lack(name: str, value: float) -> str:
    if math.isinf(value):
        return f"a known {_NAMES[name]}"
    amount = format_seconds(value) if name == "latency_s" else format_bytes(int(value))
    return f"{amount} of {_NAMES[name]}"


def footprint_table(footprint: Footprint, budget: Budget) -> Table:
    """Return flash and RAM as parts that add up, beside the budget."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("region", "used", "budget", "%", "free"):
        table.add_column(title, justify="left" if title == "region" else "right", no_wrap=True)
    flash = (
        ("model", footprint.model_bytes),
        ("runtime code", footprint.runtime_bytes),
        ("application", footprint.app_flash_bytes),
    )
    ram = (
        ("tensor arena", footprint.arena_bytes),
        ("statics and stack", footprint.overhead_ram_bytes),
        ("application", footprint.app_ram_bytes),
    )
    _region(table, "flash", footprint.flash_bytes, budget.flash_bytes, flash)
    _region(table, "RAM", footprint.ram_bytes, budget.ram_bytes, ram)
    return table


def _region(
    table: Table, name: str, used: int, limit: int | None, parts: Sequence[tuple[str, int]]
) -> None:
    budget = ("-", "-", "-")
    if limit is not None:
        budget = (f"{limit:,}", f"{used / limit:.1%}", f"{limit - used:,}")
    table.add_row(name, f"{used:,}", *budget, style="bold")
    for part, size in parts:
        table.add_row(f"  {part}", f"{size:,}")
