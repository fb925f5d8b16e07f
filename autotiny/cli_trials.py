"""The commands that make trials by hand: ``try`` and ``shrink``."""

from typing import Annotated

import typer

from autotiny.cli_options import (
    Format,
    Plot,
    StudyOptions,
    Trust,
    complete_studies,
    takes_study_options,
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
@takes_study_options()
def try_(
    options: StudyOptions,
    setting: Setting = None,
    study: StudyName = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Train it even if it is over the budget.")
    ] = False,
    output: Format = "table",
    trust: Trust = False,
) -> int:
    """Make and score one model with the settings you give, beside the base model."""
    from autotiny.commands.try_one import try_setting

    given = {**options, "study": study}
    return try_setting(given, tuple(setting or ()), anyway=anyway, output=output, trust=trust)


@app.command(epilog="Example: autotiny shrink mine.keras --data my.npz --min-score 0.93")
@takes_study_options(but=("space", "model"))
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
    options: StudyOptions,
    by: Annotated[
        str, typer.Option("--by", help="channels (default), weights (zeros) or bits.")
    ] = "channels",
    steps: Annotated[int, typer.Option("--steps", min=1, help="How many at most.")] = 10,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Of each step (default 30).")
    ] = None,
    setting: Setting = None,
    study: StudyName = None,
    plot: Plot = None,
    output: Format = "table",
    trust: Trust = False,
) -> int:
    """Make a model smaller step by step, down to the smallest that is good enough."""
    from autotiny.commands.shrink import ShrinkOptions, shrink_model

    how = ShrinkOptions(min_score, by, steps, epochs, plot, output, trust)
    return shrink_model(source, {**options, "study": study}, tuple(setting or ()), how)
