"""``autotiny shrink``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from autotiny.commands._given import export_line, given_progress, open_or_create
from autotiny.commands._options import checked_format, checked_plot
from autotiny.commands.search import say_teacher
from autotiny.errors import InputError, NothingFitsError, SearchInterruptedError
from autotiny.hyperparameters import Value
from autotiny.report.console import console
from autotiny.report.shrinking import draw_steps, steps_table, steps_text
from autotiny.study.comparison import Side, uncompressed
from autotiny.study.search import Search
from autotiny.study.shrinking import By, Step, setting_at, shrink, smallest
from autotiny.study.storage import study_names


@dataclass(frozen=True)
class ShrinkOptions:
    """Options of ``shrink`` alone, as typed.

    Attributes:
        floor: Score that a model must be at least as good as.
        by: What gets less.
        most: How many steps there may be.
        epochs: Of each; None is the default.
        plot: Picture to draw.
        output: Of ``--format``.
        trust: Code that an existing study names may run, from now on.
    """

    floor: float
    by: str = "channels"
    most: int = 10
    epochs: int | None = None
    plot: Path | None = None
    output: str = "table"
    trust: bool = False


def shrink_model(
    source: str, options: Mapping[str, Any], assignments: tuple[str, ...], how: ShrinkOptions
) -> int:
    """Make a model smaller until its score is below a floor; return the exit code.

    Args:
        source: A study, or a model file.
        options: As typed, by the keys of a study file; None is not given.
        assignments: Of ``--set``.
        how: Options of this command alone.
    """
    checked_format(how.output)
    checked_plot(how.plot)
    if how.by not in get_args(By):
        raise InputError(f"--by must be one of {', '.join(get_args(By))}; got {how.by!r}.")
    by: By = how.by  # type: ignore[assignment]  # just checked
    if not math.isfinite(how.floor):
        raise InputError(f"--min-score must be a finite number, such as 0.93; got {how.floor}.")
    (varied,) = setting_at(by, 1.0)
    if how.epochs is not None:
        assignments = (f"epochs={how.epochs}", *assignments)
    search, setting = open_or_create(_named(source, options), assignments, "shrink", how.trust)
    if varied in setting:
        raise InputError(
            f"--set must leave alone what --by {by} changes; got {varied}: leave it out."
        )
    name = search.folder.name
    try:
        before, steps = _steps(search, by, setting, how)
    except KeyboardInterrupt:
        raise SearchInterruptedError(
            f"interrupted; {len(search.records())} finished trials are kept, go on with: autotiny "
            f"shrink {name} and the same options."
        ) from None
    return _conclude(search, before, steps, varied, how)


def _named(source: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the study or the model that is to be made smaller.

    Raises:
        InputError: If it is neither, or the study is named twice.
    """
    if source in study_names():
        if options.get("study") not in (None, source):
            raise InputError(
                f"Steps are trials of the study that is named first, {source!r}; --study names "
                f"{options['study']!r}: leave it out."
            )
        return {**options, "study": source}
    if Path(source).exists() or Path(source).suffix or ":" in source:
        return {**options, "model": source}
    known = ", ".join(study_names()) or "none"
    raise InputError(
        f"What is to shrink must be a study or a model file, such as mine.keras; got {source!r}, "
        f"there are these studies: {known}."
    )


def _steps(
    search: Search, by: By, setting: Mapping[str, Value], how: ShrinkOptions
) -> tuple[Side, list[Step]]:
    """Return the base model as int8, and the steps; none if even that is below the floor."""
    quality = search.config.score.quality
    with given_progress(search, how.most, how.output) as report:
        before = uncompressed(search, report)
        assert before.score is not None
        if how.output == "table":
            console().print(
                f"Uncompressed, as int8: {search.config.score.name} {before.score:.4f}, flash "
                f"{before.footprint.flash_bytes:,} B (model {before.footprint.model_bytes:,})"
            )
        if quality(before.score) < quality(how.floor):
            return before, []
        steps = shrink(search, by, setting, how.floor, most=how.most, on_progress=report)
    return before, steps


def _conclude(
    search: Search, before: Side, steps: list[Step], varied: str, how: ShrinkOptions
) -> int:
    """Print the steps and what was found; return the exit code."""
    best, out, name = smallest(steps), console(), search.folder.name
    drawn = how.plot is not None and any(step.record.score is not None for step in steps)
    if how.plot is not None and drawn:  # before anything is printed
        draw_steps(steps, best, how.floor, varied, how.plot)
    if how.output != "table":
        print(steps_text(steps, best, varied, search.config.score, how.output))
        return 0 if best else NothingFitsError.exit_code
    if steps:
        out.print(steps_table(steps, best, varied))
    say_teacher(search, concluded=True)
    if drawn:
        out.print(f"Steps drawn to {how.plot}")
    if best is None:
        out.print(_why(search, before, steps, how.floor))
        return NothingFitsError.exit_code
    was, now = before.footprint.flash_bytes, best.footprint.flash_bytes
    out.print(
        f"The smallest above the floor of {how.floor:g} is trial {best.number}: {best.metric.name} "
        f"{best.score:.4f}, flash {now:,} B ({now / was - 1:+.0%}), model "
        f"{best.footprint.model_bytes:,} B "
        f"({best.footprint.model_bytes / before.footprint.model_bytes - 1:+.0%})."
    )
    if reason := next((step.dropped for step in steps[::-1] if step.dropped), ""):
        out.print(f"Where {varied} was dropped: {reason}.")
    if len(steps) == how.most and all(step.outcome != "below" for step in steps):
        out.print(
            f"No step was below the floor; --steps {2 * how.most} goes on: {name} keeps these."
        )
    out.print("Next, export it:")
    out.print(export_line(name, best.number), style="bold")
    return 0


def _why(search: Search, before: Side, steps: list[Step], floor: float) -> str:
    """Return why no model was found."""
    metric = search.config.score.name
    if not steps:
        return (
            f"Even the uncompressed model is below the floor: {metric} {before.score:.4f}, and "
            f"--min-score is {floor:g}; give a lower one, or a better model."
        )
    first = steps[0]
    if first.outcome == "below":
        return (
            f"Even at full size, the trained model is below the floor: {metric} "
            f"{first.record.score:.4f}, and --min-score is {floor:g}; give more --epochs, or a "
            "lower floor."
        )
    return "No step is both within the budget and above the floor; give more room, or --by another."
