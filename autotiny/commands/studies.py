"""``autotiny studies``, ``spaces`` and ``delete``."""

import sys
from typing import Any

from autotiny.commands._options import checked_format
from autotiny.errors import InputError
from autotiny.report.console import console
from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text
from autotiny.study.front import feasible
from autotiny.study.space_files import parse_space, read_space, space_names
from autotiny.study.storage import StudyFolder, studies_dir, study_names

_STUDY_KEYS = ("study", "data", "base", "trials", "asked", "fit", "metric", "best_score", "problem")


def list_studies(output: str) -> None:
    """Print one line per study."""
    checked_format(output)
    names = study_names()
    if not names and output == "table":
        console().print(f"No studies in {studies_dir()}/ yet. Start one: autotiny search")
        return
    rows = [_study(name) for name in names]
    if output != "table":
        print(rows_text(rows, output, _STUDY_KEYS))
        return
    table = Grid()
    table.add_column("study")
    table.add_column("data", rank=2)
    table.add_column("base", rank=3)
    table.add_column("trials", rank=1)
    table.add_column("fit", justify="right", rank=4)
    table.add_column("best score", justify="right")
    for row in rows:
        if row["problem"]:
            continue
        best = row["best_score"]
        cells = (row["study"], row["data"], row["base"], f"{row['trials']} of {row['asked']}")
        table.add_row(
            *cells, str(row["fit"]), "-" if best is None else f"{best:.4f} {row['metric']}"
        )
    out = console()
    out.print(table)
    for row in rows:
        if row["problem"]:
            out.print(f"{row['study']} cannot be opened: {row['problem']}")


def _study(name: str) -> dict[str, Any]:
    """Return what is known of a study; what cannot be opened says why."""
    from autotiny.study.search import Search

    unknown = dict.fromkeys(_STUDY_KEYS) | {"study": name}
    try:
        search = Search.open(name)
        config, records = search.config, search.records()
    except InputError as error:
        return unknown | {"problem": str(error)}
    fit = feasible(records, config.budget)
    return unknown | {
        "data": config.data,
        "base": config.base_name,
        "trials": len(records),
        "asked": max(config.trials, len(records)),
        "fit": len(fit),
        "metric": config.score.name,
        "best_score": max(fit, key=lambda record: record.quality).score if fit else None,
    }


def list_spaces(output: str) -> None:
    """Print one line per built-in search space."""
    checked_format(output)
    spaces = {name: parse_space(read_space(name), name) for name in space_names()}
    rows = [
        {
            "space": name,
            "family": space.family or "-",
            "hyperparameters": len(space.parameters),
            "description": space.description,
        }
        for name, space in spaces.items()
    ]
    if output != "table":
        print(rows_text(rows, output))
        return
    table = Grid()
    table.add_column("space")
    table.add_column("family", rank=2)
    table.add_column("hyperparameters", justify="right", rank=1)
    table.add_column("description", folds=True)
    for row in rows:
        table.add_row(*map(str, row.values()))
    console().print(table)
    console().print("Copy one, change it, and pass the file: autotiny search --space my.yaml")


def delete_study(name: str, yes: bool) -> None:
    """Delete a study with its models, if the user agrees.

    Raises:
        InputError: If there is no such study, or nobody can be asked.
        AutotinyError: If it is being searched.
    """
    folder = StudyFolder.find(name)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(
                f"Deleting must be agreed to; type it in a terminal or add --yes to delete {name}."
            )
        answer = input(f"Delete study {name} with all its models in {folder.path}/? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            console().print("Nothing was deleted.")
            return
    folder.delete()
    console().print(f"Study {name} was deleted.")
