"""``autotiny devices``."""

import dataclasses
import json

from rich import box
from rich.table import Table

from autotiny.commands._options import checked_format
from autotiny.devices import Device, device_names, load_device
from autotiny.report.console import console
from autotiny.units import format_bytes

_FEATURES = {"has_decode": "DECODE", "has_int4": "int4", "has_per_channel_fc": "per-channel FC"}


def list_devices(output: str) -> None:
    """Print one line per built-in device."""
    checked_format(output, ("table", "json"))
    devices = [load_device(name) for name in device_names()]
    if output == "json":
        print(json.dumps([dataclasses.asdict(device) for device in devices], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for title in (
        "device",
        "title",
        "core",
        "flash",
        "RAM",
        "clock",
        "kernels",
        *_FEATURES.values(),
    ):
        side = "right" if title in ("flash", "RAM", "clock") else "left"
        table.add_column(title, justify=side, no_wrap=title != "title")  # type: ignore[arg-type]
    for device in devices:
        table.add_row(*_row(device), style="dim" if device.runtime is None else "")
    out = console()
    out.print(table)
    out.print(
        "Sizes and clocks are the datasheets' (datasheet); `autotiny devices NAME` names them and "
        "says how each figure is meant. Use one with --device NAME, or your own with --device "
        "my-board.yaml.",
        style="dim",
    )


def show_device(name_or_path: str, output: str) -> None:
    """Print one device in full, each figure with its note.

    Raises:
        InputError: If there is no such device, or the file breaks a rule.
    """
    checked_format(output, ("table", "json"))
    device = load_device(name_or_path)
    if output == "json":
        print(json.dumps(dataclasses.asdict(device), indent=2))
        return
    out = console()
    out.print(f"{device.name}: {device.title}", style="bold")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("note", overflow="fold")
    for field in dataclasses.fields(Device):
        if field.name not in ("name", "title", "notes", "refusal"):
            value = _value(field.name, getattr(device, field.name))
            table.add_row(field.name, value, device.notes.get(field.name, ""))
    out.print(table)
    if device.runtime is None:
        out.print(f"{device.name} cannot run models: {device.refusal}", style="bold red")


def _row(device: Device) -> list[str]:
    runs = device.runtime is not None
    features = [("yes" if getattr(device, name) else "no") if runs else "-" for name in _FEATURES]
    return [
        device.name,
        device.title,
        device.core,
        f"{device.flash_bytes / 1024:,g} KiB",
        f"{device.ram_bytes / 1024:,g} KiB",
        _clock(device.clock_hz),
        device.kernels if runs else "cannot run",
        *features,
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
