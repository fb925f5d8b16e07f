"""The commands on model files: ``compress``, ``compile``, ``check`` and ``analyze``."""

from pathlib import Path
from typing import Annotated

import typer

from autotiny.cli_options import (
    AppFlash,
    AppRam,
    CName,
    Core,
    DeviceName,
    Flash,
    Force,
    Format,
    Kernels,
    Latency,
    ModelFile,
    Optimise,
    Out,
    Plot,
    Ram,
    RuntimeName,
)

app = typer.Typer()


@app.command(
    epilog="Example: autotiny compress lstm.keras --data imu.npz --device stm32l4r5zi --out fw"
)
def compress(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="Keras model (.keras, .h5, SavedModel folder) or .tflite."
        ),
    ],
    data: Annotated[str, typer.Option("--data", help="As for search: ranges and scores.")],
    out: Out,
    flash: Flash = None,
    ram: Ram = None,
    app_flash: AppFlash = None,
    app_ram: AppRam = None,
    latency: Latency = None,
    device: DeviceName = None,
    kernels: Kernels = None,
    target: Annotated[
        str, typer.Option("--target", help="generic (C++ and CMake) or arduino (sketch).")
    ] = "generic",
    seed: Annotated[int, typer.Option("--seed", help="Of splits and of the samples used.")] = 0,
    force: Force = False,
) -> int:
    """Quantise, measure, prove and export a model as it is, without a search."""
    from autotiny.commands._options import Limits
    from autotiny.commands.compress import compress_model

    limits = Limits(flash, ram, app_flash, app_ram, latency, device, kernels)
    return compress_model(model, data, limits, target, out, seed, force)


@app.command(epilog="Example: autotiny compile model.tflite --out engine --device nrf52840")
def compile(
    model: ModelFile,
    out: Out,
    device: DeviceName = None,
    core: Core = None,
    optimise: Optimise = "size",
    name: CName = "model",
    force: Force = False,
    output: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table or json.")
    ] = "table",
) -> int:
    """Turn any int8 .tflite into plain C without an interpreter, proved bit for bit."""
    from autotiny.commands.compile import CompileOptions, compile_model

    named = CompileOptions(device, core, optimise, name)
    return compile_model(model, out, named, force=force, output=output)


@app.command(epilog="Example: autotiny check model.tflite --flash 256KB --ram 64KB")
def check(
    model: ModelFile,
    flash: Flash = None,
    ram: Ram = None,
    app_flash: AppFlash = None,
    app_ram: AppRam = None,
    latency: Latency = None,
    device: DeviceName = None,
    kernels: Kernels = None,
    output: Format = "table",
) -> int:
    """Say whether a model fits by more than the error, with a breakdown; else exit code 3."""
    from autotiny.commands._options import Limits
    from autotiny.commands.check import check_model

    limits = Limits(flash, ram, app_flash, app_ram, latency, device, kernels)
    return check_model(model, limits, output)


@app.command(epilog="Example: autotiny analyze model.tflite --device nrf52840 --plot arena.svg")
def analyze(
    model: ModelFile,
    flash: Flash = None,
    ram: Ram = None,
    app_flash: AppFlash = None,
    app_ram: AppRam = None,
    latency: Latency = None,
    device: DeviceName = None,
    kernels: Kernels = None,
    runtime: RuntimeName = None,
    plot: Plot = None,
    output: Format = "table",
) -> int:
    """Say what every byte and instruction of a model is for, layer by layer."""
    from autotiny.commands._options import Limits
    from autotiny.commands.analyze import analyze_model

    named = runtime or "tflm"
    limits = Limits(flash, ram, app_flash, app_ram, latency, device, kernels, named)
    if named != "tflm":
        from autotiny.commands.analyze_c import analyze_steps

        return analyze_steps(model, limits, plot, output)
    return analyze_model(model, limits, plot, output)
