"""``autotiny studies`` and ``autotiny spaces``."""

from rich import box
from rich.table import Table

from autotiny.errors import InputError
from autotiny.front import feasible
from autotiny.report.console import console
from autotiny.space import parse_space, read_space, space_names
from autotiny.storage import studies_dir, study_names


def list_studies() -> None:
    """Print one line per study."""
    names = study_names()
    if not names:
        console().print(f"No studies in {studies_dir()}/ yet. Start one: autotiny search")
        return
    from autotiny.study import Search

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("study", "data", "base", "trials", "fit", "best accuracy"):
        table.add_column(title, no_wrap=True)
    for name in names:
        try:
            search = Search.open(name)
            config, records = search.config, search.records()
        except InputError as error:
            table.add_row(name, f"cannot be opened: {error}")
            continue
        fit = feasible(records, config.budget)
        best = f"{max(r.score for r in fit):.4f}" if fit else "-"
        done = f"{len(records)} of {max(config.trials, len(records))}"
        table.add_row(name, config.data, config.base_name, done, str(len(fit)), best)
    console().print(table)


def list_spaces() -> None:
    """Print one line per built-in search space."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("space", "family", "hyperparameters", "description"):
        table.add_column(title, no_wrap=title != "description")
    for name in space_names():
        space = parse_space(read_space(name), name)
        table.add_row(name, space.family or "-", str(len(space.parameters)), space.description)
    console().print(table)
    console().print("Copy one, change it, and pass the file: autotiny search --space my.yaml")
