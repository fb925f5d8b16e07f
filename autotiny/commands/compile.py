"""``autotiny compile``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotiny.budget.board import Share, worst
from autotiny.commands._options import checked_format, read_model_file
from autotiny.errors import InputError, NothingFitsError
from autotiny.report.console import console

if TYPE_CHECKING:
    from autotiny.devices import Device
    from autotiny.runtimes.c.measure.cores import Core


@dataclass(frozen=True)
class CompileOptions:
    """Options of what is compiled, as typed; None is not given.

    Attributes:
        device: ``--device``.
        core: ``--core``.
        optimise: ``--optimise``.
        name: ``--name``.
    """

    device: str | None = None
    core: str | None = None
    optimise: str = "size"
    name: str = "model"


def compile_model(
    path: Path, out: Path, options: CompileOptions, *, force: bool, output: str
) -> int:
    """Write a model as C code and prove it.

    Returns:
        The exit code: 0, or that of code which does not fit the device, or is not known to.
    """
    from autotiny.export._manifest import ENGINE_FORMAT
    from autotiny.export.folder import check_replaceable, new_folder, write_files
    from autotiny.runtimes._base import checked_optimise
    from autotiny.runtimes.c.engine import build_engine
    from autotiny.runtimes.c.names import checked_name

    checked_format(output, ("table", "json"))
    optimise, name = checked_optimise(options.optimise), checked_name(options.name)
    core, device = _chosen(options)
    out = out.expanduser().resolve()
    check_replaceable(out, force)
    data = read_model_file(path)
    with console().status(f"compiling {path.name}"):
        engine = build_engine(data, name, optimise, core, title=path.name)
    facts, shares = dict(engine.facts), tuple[Share, ...]()
    if device is not None:
        shares = _shares(facts, device)
        budget = {"flash_bytes": device.flash_bytes, "ram_bytes": device.ram_bytes}
        facts |= {"device": device.name, "budget": budget, "outcome": worst(shares)}
    files: dict[str, str | bytes] = {**engine.files, "model.tflite": data}
    files["manifest.json"] = json.dumps(
        {"format": ENGINE_FORMAT, "model": path.name, **facts}, indent=2
    )
    with new_folder(out) as folder:
        write_files(folder, files)
    if output == "json":
        print(json.dumps({"out": str(out), **facts}, indent=2))
    else:
        say = console().print
        say(f"{path.name} as C, written to {out}/", style="bold")
        for sentence in engine.sentences:
            say(f"  {sentence}")
        if device is not None:
            style = "" if worst(shares) == "fits" else "bold red"
            say(f"  {_verdict(shares, device.name, facts)}", style=style)
        say(f"Next, compile src/{name}.c into your firmware; {out.name}/README.md says how")
    return 0 if worst(shares) == "fits" else NothingFitsError.exit_code


def _chosen(options: CompileOptions) -> "tuple[Core, Device | None]":
    """Return the core that is meant, and the device if it is named by one.

    Raises:
        InputError: If both are named, or there is none of that name.
    """
    from autotiny.devices import load_device
    from autotiny.runtimes.c.engine import checked_core
    from autotiny.runtimes.c.measure.cores import any_core

    if options.device is None:
        return checked_core("cortex-m4" if options.core is None else options.core), None
    if options.core is not None:
        raise InputError(
            "Only one of --core and --device may be given, since a device has its core; got "
            f"--core {options.core!r} and --device {options.device!r}: leave --core out."
        )
    device = load_device(options.device)
    return any_core(device.core), device


def _shares(facts: Mapping[str, Any], device: "Device") -> tuple[Share, Share]:
    """Return what code takes of a device's memories."""
    errors = facts["errors"]

    def unsure(name: str) -> float:
        return float(facts[name] * errors.get(name, 0.0))

    flash, ram = facts["flash_bytes"], facts["ram_bytes"]
    return (
        Share("flash", flash, device.flash_bytes, unsure("constant_bytes") + unsure("code_bytes")),
        Share("RAM", ram, device.ram_bytes, unsure("stack_bytes")),
    )


def _verdict(shares: tuple[Share, ...], device: str, facts: Mapping[str, Any]) -> str:
    """Return one sentence: whether it fits, what it takes of the device, what to do if not."""
    outcome = worst(shares)
    if outcome == "fits":
        return f"fits {device}: {' and '.join(share.words for share in shares)}"
    why = " and ".join(share.words for share in shares if share.outcome == outcome)
    smaller = "" if facts["optimise"] == "size" else "--optimise size takes less, "
    remedy = (
        f"{smaller}`autotiny search --runtime c --device {device}` finds models that fit, and a "
        "larger board has more."
    )
    if outcome == "too close":
        return f"It is too close to say whether it fits {device}: it takes {why}; {remedy}"
    return f"It does not fit {device}: it takes {why}; {remedy}"
