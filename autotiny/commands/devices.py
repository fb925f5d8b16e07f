"""``autotiny devices``."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from rich.console import JustifyMethod

from autotiny.commands._options import checked_format
from autotiny.devices import Device, device_names, load_device
from autotiny.report.console import console
from autotiny.report.grid import Grid
from autotiny.report.plain import facts_text, rows_text
from autotiny.units import format_bytes

_FEATURES = ("has_decode", "has_int4", "has_per_channel_fc")
#: Heading to side, and how soon a column is left out where there is no room.
_COLUMNS: dict[str, tuple[JustifyMethod, int]] = {
    "device": ("left", 0), "core": ("left", 2), "flash": ("right", 0), "RAM": ("right", 0),
    "MHz": ("right", 3), "kernels": ("left", 4), "DECODE": ("left", 6), "int4": ("left", 6),
    "FC/ch": ("left", 6), "title": ("left", 5),
}  # fmt: skip
#: A device's notes are folded at this, even where nothing else is.
_NOTES = 100


def list_devices(output: str) -> None:
    """Print one line per built-in device."""
    checked_format(output)
    devices = [load_device(name) for name in device_names()]
    if output == "json":
        print(json.dumps([_plain(device) for device in devices], indent=2))
        return
    if output == "csv":
        flat = [{k: v for k, v in _plain(device).items() if k != "notes"} for device in devices]
        print(rows_text(flat, output))
        return
    out = console()
    out.print(_table(devices))
    out.print(
        "Flash and RAM in KiB, clock: datasheet. DECODE, int4, FC/ch: whether its TFLM has "
        "compressed weights, 4-bit weights, FULLY_CONNECTED with a scale per channel.\n"
        "`autotiny devices NAME` says how each figure is meant; use one with --device NAME, or "
        "your own with --device my-board.yaml.",
        style="dim",
    )


def show_device(name_or_path: str, output: str) -> None:
    """Print one device in full, each figure with its note.

    Raises:
        InputError: If there is no such device, or the file breaks a rule.
    """
    checked_format(output)
    device = load_device(name_or_path)
    if output != "table":
        print(facts_text(_plain(device), output))
        return
    out = console()
    out.print(f"{device.name}: {device.title}", style="bold")
    table = Grid()
    table.add_column("field")
    table.add_column("value", folds=True)
    table.add_column("note", folds=True, rank=1)
    for field in dataclasses.fields(Device):
        if field.name not in ("name", "title", "notes", "refusal"):
            value = _value(field.name, _plain(device)[field.name])
            table.add_row(field.name, value, device.notes.get(field.name, ""))
    width = min(out.width, _NOTES)
    out.print(table, width=width)
    if device.refusal is not None:
        what = "models" if device.runtime is None else "TensorFlow Lite Micro"
        sentence = f"{device.name} cannot run {what}: {device.refusal}"
        if device.runtime is not None:
            sentence += " Compiled C runs there: --runtime c, which a search takes by itself."
        out.print(sentence, style="bold red", width=width)


def _plain(device: Device) -> dict[str, Any]:
    """Return the fields, with what follows from the version of TFLM filled in."""
    return dataclasses.asdict(device) | device.features


def _table(devices: Sequence[Device]) -> Grid:
    table = Grid()
    for title, (side, rank) in _COLUMNS.items():
        table.add_column(title, justify=side, rank=rank, folds=title == "title")
    for device in devices:
        table.add_row(*_row(device), style="dim" if device.runtime is None else "")
    return table


def _row(device: Device) -> list[str]:
    runs = device.runtime == "tflm"
    known = device.features
    features = [("yes" if known[name] else "no") if runs else "-" for name in _FEATURES]
    return [
        device.name,
        device.core,
        f"{device.flash_bytes / 1024:,g}",
        f"{device.ram_bytes / 1024:,g}",
        f"{device.clock_hz / 1e6:g}",
        device.kernels if runs else "cannot run" if device.runtime is None else "compiled C",
        *features,
        device.title,
    ]


def _value(name: str, value: object) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return format_bytes(value)
    if name == "clock_hz" and isinstance(value, int):
        return _clock(value)
    if name in ("active_ma", "supply_v"):
        unit = "mA" if name == "active_ma" else "V"
        return "unknown" if value is None else f"{value:g} {unit}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _clock(hertz: int) -> str:
    return f"{hertz / 1e6:g} MHz"
