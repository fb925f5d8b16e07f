"""``autotiny compress``."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from autotiny.commands._options import Limits
from autotiny.conversion import Converted, convert, open_source
from autotiny.errors import InputError, NothingFitsError
from autotiny.evaluation import device_outputs, foreign_score
from autotiny.pipeline import representative_samples
from autotiny.report.console import console
from autotiny.report.grid import Grid
from autotiny.report.tables import cost_line, footprint_table, lacking
from autotiny.runtimes import get_runtime
from autotiny.tasks import Task, load_task
from autotiny.tasks.kinds import Anomaly


def compress_model(
    path: Path,
    data: str,
    limits: Limits,
    ecosystem: str,
    out: Path,
    seed: int,
    force: bool,
) -> int:
    """Quantise, pack, measure, prove and export a model as it is; return the exit code."""
    from autotiny.export import (
        BundleRequest,
        check_replaceable,
        checked_ecosystem,
        ecosystem_target,
        export_bundle,
        read_interface,
    )

    firmware = checked_ecosystem(ecosystem)
    budget, target = limits.budget_and_target()
    target = ecosystem_target(ecosystem, target)
    application = limits.application()
    check_replaceable(out, force)
    model = open_source(path)
    task = _shaped(load_task(data, seed=seed), model.input_shape, path)
    with Console(stderr=True).status("quantising and measuring"):  # silent unless on a terminal
        converted = convert(model, representative_samples(task, seed))
        runtime = get_runtime(trusted=False)
        limit = budget.arena_limit(
            overhead_ram_bytes=runtime.overhead_ram_bytes(target),
            app_ram_bytes=application["app_ram_bytes"],
        )
        packed = runtime.pack(converted.model, target, arena_limit=limit)
        footprint = runtime.footprint(packed.image, target, **application)
        outputs = device_outputs(runtime, converted.model, packed.image, task.validation.x).real
        names = _output_names(task, outputs.shape[1])
        operators = read_interface(converted.model).operators
        scores = _scores(converted, outputs, task, operators)
        request = BundleRequest(
            project=path.stem or path.name,
            model=converted.model,
            image=packed.image,
            target=target,
            runtime=runtime,
            footprint=footprint,
            class_names=names,
            goal=None if _foreign(task, outputs.shape[1]) else task.goal,
            threshold=_threshold(task, outputs),
            test_x=task.test.x,
            test_y=task.test.y,
            source=f"{path.name}, converted as it is",
            parameters={},
            scores=scores,
            encodings=packed.encodings,
            ecosystem=firmware,
        )
        manifest = export_bundle(request, out, force=force)
    say = console().print
    say(f"{path} as int8, written to {out}/", style="bold")
    say(_before_and_after(converted, footprint.model_bytes, scores, task.goal.metric.name))
    say(footprint_table(footprint, budget))
    if costs := cost_line(footprint):
        say(f"  {costs}")
    if f"test_{manifest.metric}" in manifest.scores:
        test = manifest.scores[f"test_{manifest.metric}"]
        say(f"  test {manifest.metric} {test:.4f} (measured, {runtime.name})")
    say(
        "  proved: the bytes in model_data.c give the golden outputs bit for bit; LiteRT agrees on "
        f"{manifest.litert.equal_outputs:.1%} of outputs"
    )
    for sentence in footprint.caveats:
        say(f"  {sentence}")
    if not (lacks := lacking(budget, footprint)):
        return 0
    say(f"It does not fit: it lacks {lacks}; a smaller model is needed.", style="bold red")
    return NothingFitsError.exit_code


def _shaped(task: Task, shape: tuple[int, ...], path: Path) -> Task:
    """Return a task whose samples have the model's shape, if they have as many values.

    Raises:
        InputError: If they have not.
    """
    if np.prod(task.input_shape) != np.prod(shape):
        raise InputError(
            f"Data must have the model's input shape; {path} takes {shape} and the samples of "
            f"{task.name} are {task.input_shape}."
        )

    def split(part: Any) -> Any:
        return dataclasses.replace(part, x=part.x.reshape(len(part), *shape))

    return dataclasses.replace(
        task,
        train=split(task.train),
        validation=split(task.validation),
        test=split(task.test),
    )


def _foreign(task: Task, outputs: int) -> bool:
    """Whether a model's outputs are something else than what the task asks for."""
    pair = task.goal.kind.name == "classification" and len(task.class_names) == 2
    return outputs != task.outputs and not (pair and outputs == 1)


def _output_names(task: Task, outputs: int) -> tuple[str, ...]:
    """Return the task's names, or numbers where the model's outputs are something else."""
    if not _foreign(task, outputs):
        return task.class_names
    return tuple(f"output {number}" for number in range(outputs))


def _threshold(task: Task, outputs: NDArray[np.float32]) -> float | None:
    """Return the threshold of anomalies, chosen on validation outputs."""
    kind = task.goal.kind
    if not isinstance(kind, Anomaly) or _foreign(task, outputs.shape[1]):
        return None
    return kind.threshold(outputs, task.validation.x, task.validation.y)


def _scores(
    converted: Converted, ours: NDArray[np.float32], task: Task, operators: tuple[str, ...]
) -> dict[str, float]:
    """Return scores where outputs are the task's, and how near they are to the float model's."""
    theirs = None if converted.outputs is None else converted.outputs(task.validation.x)
    sigmoid, name = "LOGISTIC" in operators, task.goal.metric.name
    found = foreign_score(ours, task, task.validation, sigmoid=sigmoid)
    scores = {} if found is None else {f"validation_{name}": found}
    if theirs is None:
        return scores
    before = foreign_score(theirs, task, task.validation, sigmoid=sigmoid)
    if before is not None:
        scores[f"validation_{name}_float"] = before
    if ours.shape == theirs.shape:
        if task.goal.kind.name == "classification" and ours.shape[1] == len(task.class_names):
            scores["top1_agreement_with_float"] = float((ours.argmax(1) == theirs.argmax(1)).mean())
        elif found is None:
            scores["mean_difference_from_float"] = float(np.abs(ours - theirs).mean())
    return scores


def _before_and_after(
    converted: Converted, model_bytes: int, scores: dict[str, float], metric: str
) -> Grid:
    """Return what conversion changed; every figure is measured."""
    table = Grid()
    for title in ("", "float", "int8"):
        table.add_column(title, justify="right" if title else "left")
    before = "-" if converted.float_bytes is None else f"{converted.float_bytes:,}"
    table.add_row("model, bytes", before, f"{model_bytes:,}")
    if (score := scores.get(f"validation_{metric}")) is not None:
        was = scores.get(f"validation_{metric}_float")
        table.add_row(f"validation {metric}", "-" if was is None else f"{was:.4f}", f"{score:.4f}")
    if (agreement := scores.get("top1_agreement_with_float")) is not None:
        table.add_row("same class as the float model", "", f"{agreement:.1%}")
    if (difference := scores.get("mean_difference_from_float")) is not None:
        table.add_row("mean difference of outputs", "", f"{difference:.4g}")
    return table
