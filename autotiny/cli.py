"""The commands of ``autotiny`` and their options; what they do is in ``autotiny.commands``."""

from pathlib import Path
from typing import Annotated

import typer

from autotiny import cli_files, cli_trials
from autotiny.cli_options import (
    DeviceName,
    Flash,
    Force,
    Form,
    Format,
    Latency,
    Name,
    Out,
    Plot,
    Ram,
    RuntimeName,
    StudyOptions,
    Trials,
    Trust,
    complete_devices,
    takes_study_options,
)

app = typer.Typer(
    name="autotiny",
    help="Search for machine-learning models that fit microcontrollers.",
    epilog="Start with: autotiny search --flash 300KB --ram 520KB",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(cli_trials.app)
app.add_typer(cli_files.app)


def _version(value: bool) -> None:
    if value:
        import autotiny

        print(f"autotiny {autotiny.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (any position).")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: autotiny search --data my.npz --space ds_cnn --device nrf52840")
@takes_study_options()
def search(
    options: StudyOptions,
    trials: Trials = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="Ask for no more trials after, e.g. 30m."),
    ] = None,
    study: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="Name of the new study.")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option("--sampler", help="tpe (default), nsga2 or random.")
    ] = None,
    objectives: Annotated[
        str | None,
        typer.Option(
            "--objectives",
            help="What to trade off: score and any of flash, ram, latency, energy (default "
            "score,flash,ram).",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", metavar="FILE", help="Study file with these options."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change the search space: width=0.5, base.filters=[8,16], training.epochs=30.",
        ),
    ] = None,
) -> int:
    """Search for models that fit a budget; ends with the front."""
    from autotiny.commands.search import run_search

    given = {
        **options,
        "trials": trials,
        "timeout": timeout,
        "study": study,
        "sampler": sampler,
        "objectives": objectives,
    }
    return run_search(given, config, tuple(assignments or ()))


@app.command(epilog="Example: autotiny resume digits-cnn --trials 80")
def resume(name: Name, trials: Trials = None, trust: Trust = False) -> int:
    """Go on with a study, with its stored configuration."""
    from autotiny.commands.search import run_resume

    return run_resume(name, trials, trust)


@app.command(epilog="Example: autotiny studies")
def studies(output: Format = "table") -> None:
    """List the studies in this folder."""
    from autotiny.commands.studies import list_studies

    list_studies(output)


@app.command(epilog="Example: autotiny delete digits-cnn")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a study with all its models."""
    from autotiny.commands.studies import delete_study

    delete_study(name, yes)


@app.command(epilog="Example: autotiny spaces")
def spaces(output: Format = "table") -> None:
    """List the search spaces that come with autotiny."""
    from autotiny.commands.studies import list_spaces

    list_spaces(output)


@app.command(epilog="Example: autotiny front digits-cnn --flash 40KB --format json")
def front(
    name: Name,
    flash: Flash = None,
    ram: Ram = None,
    latency: Latency = None,
    device: DeviceName = None,
    runtime: RuntimeName = None,
    optimise: Form = None,
    output: Format = "table",
    plot: Plot = None,
    trust: Trust = False,
) -> int:
    """Show the non-dominated trials that fit; another budget re-ranks without training."""
    from autotiny.commands._options import Limits
    from autotiny.commands.front import show_front

    limits = Limits(flash, ram, latency=latency, device=device, optimise=optimise)
    return show_front(name, limits, output, plot, trust, runtime)


@app.command(epilog="Example: autotiny show digits-cnn --trial 12 --test")
def show(
    name: Name,
    trial: Annotated[int, typer.Option("--trial", help="Number of a finished trial.")],
    test: Annotated[
        bool, typer.Option("--test", help="Also score the model on the test split.")
    ] = False,
    output: Format = "table",
    trust: Trust = False,
) -> None:
    """Show one trial: hyperparameters, precision plan, encodings, footprint, scores."""
    from autotiny.commands.show import show_trial

    show_trial(name, trial, test, output, trust)


@app.command(epilog="Example: autotiny export digits-cnn --pick knee --target arduino --out fw")
def export(
    name: Name,
    out: Out,
    trial: Annotated[int | None, typer.Option("--trial", help="Number of a trial.")] = None,
    pick: Annotated[
        str | None,
        typer.Option("--pick", help="From the front: knee, score, flash, ram, latency, energy."),
    ] = None,
    target: Annotated[
        str, typer.Option("--target", help="generic (C++ and CMake) or arduino (sketch).")
    ] = "generic",
    flash: Flash = None,
    ram: Ram = None,
    latency: Latency = None,
    device: DeviceName = None,
    optimise: Form = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            "--runtime",
            metavar="NAME",
            help="litert: float files for Linux boards (Raspberry Pi) in place of firmware.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FORM[,FORM]",
            help="Of --runtime litert: float16, dynamic, int8-weight-only (default: all three).",
        ),
    ] = None,
    force: Force = False,
    trust: Trust = False,
) -> int:
    """Write a model as .tflite, C array and firmware, proved bit for bit; or for Linux boards.

    For a Raspberry Pi: autotiny export digits-cnn --pick knee --runtime litert --out pi
    """
    from autotiny.commands._options import Limits
    from autotiny.commands.export import export_trial
    from autotiny.commands.export_litert import checked_litert, export_linux

    limits = Limits(flash, ram, latency=latency, device=device, optimise=optimise)
    if checked_litert(runtime, weights, target):
        return export_linux(name, trial, pick, weights, limits, out, force, trust)
    return export_trial(name, trial, pick, target, limits, out, force, trust)


@app.command(epilog="Example: autotiny devices nrf52840")
def devices(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A device, or a .yaml; all if left out.",
            autocompletion=complete_devices,
        ),
    ] = None,
    output: Format = "table",
) -> None:
    """List the devices that come with autotiny, or show one in full."""
    from autotiny.commands.devices import list_devices, show_device

    if name is None:
        list_devices(output)
    else:
        show_device(name, output)


@app.command(epilog="Example: autotiny sensitivity digits-cnn --plot sensitivity.svg")
def sensitivity(
    name: Name,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="What skipping each block costs, for `depth`.")
    ] = False,
    plot: Plot = None,
    output: Format = "table",
    trust: Trust = False,
) -> None:
    """Show what lowering each layer's precision alone costs, on validation data."""
    from autotiny.commands.sensitivity import show_blocks, show_sensitivity

    if blocks:
        show_blocks(name, plot, output, trust)
    else:
        show_sensitivity(name, plot, output, trust)
