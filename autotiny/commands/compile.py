"""``autotiny compile``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from autotiny.commands._options import read_model_file
from autotiny.errors import InputError
from autotiny.report.console import console


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
    """Write a model as C code and prove it; return the exit code."""
    from autotiny.export._manifest import ENGINE_FORMAT
    from autotiny.export.folder import check_replaceable, new_folder, write_files
    from autotiny.runtimes._base import Optimise
    from autotiny.runtimes.c.engine import build_engine, checked_core, checked_name

    optimise, name = options.optimise, checked_name(options.name)
    if optimise not in get_args(Optimise):
        allowed = ", ".join(get_args(Optimise))
        raise InputError(f"--optimise must be one of {allowed}; got {optimise!r}.")
    if output not in ("table", "json"):
        raise InputError(f"--format must be table or json; got {output!r}.")
    chosen = checked_core(_device_core(options.device, options.core))
    out = out.expanduser().resolve()
    check_replaceable(out, force)
    data = read_model_file(path)
    with console().status(f"compiling {path.name}"):
        engine = build_engine(data, name, cast(Optimise, optimise), chosen, title=path.name)
    files: dict[str, str | bytes] = {**engine.files, "model.tflite": data}
    files["manifest.json"] = json.dumps(
        {"format": ENGINE_FORMAT, "model": path.name, **engine.facts}, indent=2
    )
    with new_folder(out) as folder:
        write_files(folder, files)
    if output == "json":
        print(json.dumps({"out": str(out), **engine.facts}, indent=2))
        return 0
    say = console().print
    say(f"{path.name} as C, written to {out}/", style="bold")
    for sentence in engine.sentences:
        say(f"  {sentence}")
    say(f"Next, compile src/{name}.c into your firmware; {out.name}/README.md says how")
    return 0


def _device_core(device: str | None, core: str | None) -> str:
    """Return the core that is meant.

    Raises:
        InputError: If both a device and a core are named.
    """
    if device is None:
        return core or "cortex-m4"
    if core is not None:
        raise InputError(f"--core and --device say the same; got {core} and {device}.")
    from autotiny.devices import load_device

    return load_device(device).core
