"""The commands that make trials by hand: ``try`` and ``shrink``."""

from typing import Annotated

import typer

from autotiny.cli_options import (
    AppFlash,
    AppRam,
    ClassWeights,
    Data,
    DeviceName,
    Flash,
    Form,
    Format,
    HeadName,
    Kernels,
    Latency,
    LayoutName,
    MetricName,
    Model,
    Plot,
    Ram,
    RuntimeName,
    Seed,
    Space,
    TaskKind,
    TeacherModel,
    Trust,
    complete_studies,
)

app = typer.Typer()

Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A hyperparameter, such as width=0.5 (others have their defaults), or the base model: "
        "base.filters=[8,16], training.epochs=30.",
    ),
]
StudyName = Annotated[
    str | None,
    typer.Option("--study", metavar="NAME", help="An existing study to add to, or a new one."),
]


@app.command("try", epilog="Example: autotiny try --set width=0.5 --set sparsity=0.8 --flash 60KB")
def try_(
    setting: Setting = None,
    data: Data = None,
    space: Space = None,
    model: Model = None,
    teacher: TeacherModel = None,
    flash: Flash = None,
    ram: Ram = None,
    app_flash: AppFlash = None,
    app_ram: AppRam = None,
    latency: Latency = None,
    device: DeviceName = None,
    kernels: Kernels = None,
    runtime: RuntimeName = None,
    optimise: Form = None,
    study: StudyName = None,
    seed: Seed = None,
    task: TaskKind = None,
    metric: MetricName = None,
    class_weights: ClassWeights = None,
    head: HeadName = None,
    layout: LayoutName = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Train it even if it is over the budget.")
    ] = False,
    output: Format = "table",
    trust: Trust = False,
) -> int:
    """Make and score one model with the settings you give, beside the base model."""
    from autotiny.commands.try_one import try_setting

    options = {
        "data": data,
        "space": space,
        "model": model,
        "teacher": teacher,
        "flash": flash,
        "ram": ram,
        "app_flash": app_flash,
        "app_ram": app_ram,
        "latency": latency,
        "device": device,
        "kernels": kernels,
        "runtime": runtime,
        "optimise": optimise,
        "study": study,
        "seed": seed,
        "task": task,
        "metric": metric,
        "class_weights": class_weights,
        "head": head,
        "layout": layout,
    }
    return try_setting(options, tuple(setting or ()), anyway=anyway, output=output, trust=trust)


@app.command(epilog="Example: autotiny shrink mine.keras --data my.npz --min-score 0.93")
def shrink(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|STUDY",
            help="Your trained model, as for search --model, or a study.",
            autocompletion=complete_studies,
        ),
    ],
    min_score: Annotated[
        float,
        typer.Option(
            "--min-score", metavar="SCORE", help="Validation score to be at least as good as."
        ),
    ],
    by: Annotated[
        str, typer.Option("--by", help="channels (default), weights (zeros) or bits.")
    ] = "channels",
    steps: Annotated[int, typer.Option("--steps", min=1, help="How many at most.")] = 10,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Of each step (default 30).")
    ] = None,
    setting: Setting = None,
    data: Data = None,
    teacher: TeacherModel = None,
    flash: Flash = None,
    ram: Ram = None,
    app_flash: AppFlash = None,
    app_ram: AppRam = None,
    latency: Latency = None,
    device: DeviceName = None,
    kernels: Kernels = None,
    runtime: RuntimeName = None,
    optimise: Form = None,
    study: StudyName = None,
    seed: Seed = None,
    task: TaskKind = None,
    metric: MetricName = None,
    class_weights: ClassWeights = None,
    head: HeadName = None,
    layout: LayoutName = None,
    plot: Plot = None,
    output: Format = "table",
    trust: Trust = False,
) -> int:
    """Make a model smaller step by step, down to the smallest that is good enough."""
    from autotiny.commands.shrink import ShrinkOptions, shrink_model

    options = {
        "data": data,
        "teacher": teacher,
        "flash": flash,
        "ram": ram,
        "app_flash": app_flash,
        "app_ram": app_ram,
        "latency": latency,
        "device": device,
        "kernels": kernels,
        "runtime": runtime,
        "optimise": optimise,
        "study": study,
        "seed": seed,
        "task": task,
        "metric": metric,
        "class_weights": class_weights,
        "head": head,
        "layout": layout,
    }
    how = ShrinkOptions(min_score, by, steps, epochs, plot, output, trust)
    return shrink_model(source, options, tuple(setting or ()), how)
