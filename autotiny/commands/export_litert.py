"""``autotiny export --runtime litert``: a trial for boards that run Linux."""

from dataclasses import replace
from pathlib import Path

from rich import box
from rich.table import Table

from autotiny.commands._chosen import checked_choice, chosen_record
from autotiny.commands._options import Limits
from autotiny.errors import InputError
from autotiny.evaluation import litert_outputs
from autotiny.report.console import console
from autotiny.study.search import Search


def export_linux(
    name: str,
    number: int | None,
    how: str | None,
    weights: str | None,
    limits: Limits,
    out: Path,
    force: bool,
    trust: bool = False,
) -> int:
    """Write one trial as float .tflite files, scored as they were written; return the exit code.

    Args:
        name: Of the study.
        number: Of ``--trial``.
        how: Of ``--pick``.
        weights: Of ``--weights``.
        limits: What a front is picked under.
        out: Folder to write.
        force: Replace a folder of ours.
        trust: Code that the study names may run, from now on.
    """
    from autotiny.export.litert import LitertRequest, checked_forms, export_litert

    how, forms = checked_choice(number, how), checked_forms(weights)
    search = Search.open(name, trusted=trust)
    task, config = search.task, search.config
    limits = replace(limits, runtime=config.runtime)
    budget, target = limits.budget_and_target(config.budget, config.device)
    record = chosen_record(search, number, how, target, budget)
    model = search.folder.get_artifact(record, "model")
    manifest = export_litert(
        LitertRequest(
            project=name,
            model=model,
            forms=forms,
            task=task,
            source=f"Trial {record.number} of the study {name}",
            parameters=record.parameters,
            softmax=config.head == "softmax",
            study=name,
            trial=record.number,
        ),
        out,
        force=force,
    )
    metric, say = config.score.name, console().print
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("weights")
    table.add_column("file")
    for heading in ("bytes", f"validation {metric}", f"test {metric}"):
        table.add_column(heading, justify="right")
    for form, found in manifest.models.items():
        scores = (f"{found.scores[f'{split}_{metric}']:.4f}" for split in ("validation", "test"))
        table.add_row(form, found.file, f"{found.model_bytes:,}", *scores)
    own = [
        task.goal.score(litert_outputs(model, split.x).real, split)
        for split in (task.validation, task.test)
    ]
    table.add_row("int8, as searched", "-", f"{len(model):,}", *(f"{score:.4f}" for score in own))
    say(f"Trial {record.number} of {name} for Linux boards, written to {out}/", style="bold")
    say(table)
    say("sizes and scores: measured, scores in LiteRT without delegates")
    say(f"Next, copy {out}/ to the board and run: python predict.py; {out}/README.md says how")
    return 0


def checked_litert(runtime: str | None, weights: str | None, ecosystem: str) -> bool:
    """Return whether an export is for Linux boards, by the options that say so.

    Raises:
        InputError: If they contradict each other.
    """
    if runtime not in (None, "litert"):
        raise InputError(
            f"--runtime of an export must be litert (files for Linux boards); got {runtime!r}: "
            "firmware is for the runtime that the study searched for, leave it out."
        )
    if runtime is None and weights is not None:
        raise InputError(
            f"--weights is for --runtime litert; got {weights!r} without it: the weights of "
            "firmware are stored as the trial says."
        )
    if runtime is not None and ecosystem != "generic":
        raise InputError(
            f"--target is for firmware; got {ecosystem!r} with --runtime litert: leave one out."
        )
    return runtime is not None
