"""Options that several commands take, and how their values are completed.

Imported for every ``--help``, so nothing heavy is imported here.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


def complete_studies() -> list[str]:
    """Complete the names of studies."""
    import os

    folder = Path(os.environ.get("AUTOTINY_STUDIES", "studies"))
    return sorted(path.parent.name for path in folder.glob("[!.]*/study.db"))


def complete_devices() -> list[str]:
    """Complete the names of devices."""
    from autotiny.devices import device_names

    return device_names()


def complete_spaces() -> list[str]:
    """Complete the names of search spaces."""
    from autotiny.resources import resource_dir

    return sorted(path.stem for path in resource_dir("search_spaces").glob("*.yaml"))


Name = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of a study.", autocompletion=complete_studies)
]
Flash = Annotated[
    str | None,
    typer.Option("--flash", metavar="SIZE", help="Flash budget, such as 300KB (1 KB = 1024 B)."),
]
Ram = Annotated[str | None, typer.Option("--ram", metavar="SIZE", help="RAM budget.")]
AppFlash = Annotated[
    str | None,
    typer.Option("--app-flash", metavar="SIZE", help="Flash your own application takes."),
]
AppRam = Annotated[
    str | None, typer.Option("--app-ram", metavar="SIZE", help="RAM your own application takes.")
]
Latency = Annotated[
    str | None,
    typer.Option(
        "--latency",
        metavar="TIME",
        help="Latency budget, such as 20ms (predicted; needs --device).",
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Board that sets budgets, kernels and clock: see `autotiny devices`, or a .yaml.",
        autocompletion=complete_devices,
    ),
]
Trials = Annotated[
    int | None,
    typer.Option("--trials", min=1, help="How many trials the study shall have in all."),
]
Kernels = Annotated[
    str | None,
    typer.Option("--kernels", metavar="SET", help="reference or cmsis-nn (default: the device's)."),
]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        help="tflm (default: the interpreter) or c (compiled C without one).",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Also draw it, as FILE.svg or FILE.png."),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Run the data function that a study of another machine names, from now on."
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json or csv.")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="Any TFLite file.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")]
Core = Annotated[
    str | None,
    typer.Option(
        "--core",
        metavar="NAME",
        help="Core to measure on, such as cortex-m0plus, cortex-m4 (default), cortex-m33, rv32imc.",
    ),
]
Optimise = Annotated[
    str, typer.Option("--optimise", metavar="FOR", help="size (default), balanced or speed.")
]
Form = Annotated[
    str | None,
    typer.Option(
        "--optimise",
        metavar="FOR",
        help="What compiled C is made for: size, balanced or speed (default: the study's, or "
        "size).",
    ),
]
CName = Annotated[str, typer.Option("--name", metavar="NAME", help="Prefix of all C names.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="digits (default), tones, mnist, fashion_mnist, cifar10, FILE.npz or "
        "package.module:function.",
    ),
]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="NAME|FILE",
        help="Search space: see `autotiny spaces`, or a .yaml.",
        autocompletion=complete_spaces,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="FILE",
        help="Your trained model (.keras, .h5, SavedModel folder, .onnx, or a function as "
        "package.module:function); the search space then gives only its parameters.",
    ),
]
TeacherModel = Annotated[
    str | None,
    typer.Option(
        "--teacher",
        metavar="FILE",
        help="Trained model, as for --model, that teaches in place of the base model.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Of every random choice (default 0).")]
TaskKind = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="Kind: classification, multi-label, regression or anomaly; inferred if left out.",
    ),
]
MetricName = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="Score: accuracy, balanced_accuracy, macro_f1, roc_auc, mae, r2, "
        "reconstruction_error; the kind's own if left out.",
    ),
]
ClassWeights = Annotated[
    str | None,
    typer.Option("--class-weights", help="balanced: rare classes count more in training."),
]
HeadName = Annotated[
    str | None,
    typer.Option("--head", help="linear (default: logits) or softmax (probabilities)."),
]
LayoutName = Annotated[
    str | None,
    typer.Option("--layout", help="Samples are: vector, signal or image; inferred if left out."),
]
StudyOptions = dict[str, Any]
#: Options by the keys of a study file that every command takes which may make a study.
STUDY_OPTIONS: dict[str, Any] = {
    "data": Data,
    "space": Space,
    "model": Model,
    "teacher": TeacherModel,
    "flash": Flash,
    "ram": Ram,
    "app_flash": AppFlash,
    "app_ram": AppRam,
    "latency": Latency,
    "device": DeviceName,
    "kernels": Kernels,
    "runtime": RuntimeName,
    "optimise": Form,
    "seed": Seed,
    "task": TaskKind,
    "metric": MetricName,
    "class_weights": ClassWeights,
    "head": HeadName,
    "layout": LayoutName,
}


def takes_study_options(
    *, but: tuple[str, ...] = ()
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command ``STUDY_OPTIONS`` in the place of its parameter ``options``.

    The command gets them as one dictionary, None where one is not given.

    Args:
        but: Those that it does not take.
    """
    names = [name for name in STUDY_OPTIONS if name not in but]

    def decorated(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def taking(**given: Any) -> int:
            return command(options={name: given.pop(name) for name in names}, **given)

        kind = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter(name, kind, default=None, annotation=STUDY_OPTIONS[name])
            for name in names
        ]
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            own = parameter.name != "options"
            parameters += [parameter.replace(kind=kind)] if own else shared
        taking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        taking.__annotations__ = {found.name: found.annotation for found in parameters}
        return taking

    return decorated
