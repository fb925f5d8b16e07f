"""``autotiny export``."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from autotiny.commands._chosen import checked_choice, chosen_record
from autotiny.commands._options import Limits
from autotiny.errors import NothingFitsError
from autotiny.evaluation import device_outputs
from autotiny.report.console import console
from autotiny.report.outcome import outcome_parts
from autotiny.report.tables import cost_line, footprint_table, lacking
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.study.retarget import repacked
from autotiny.study.search import Search
from autotiny.tasks.kinds import Anomaly


def export_trial(
    name: str,
    number: int | None,
    how: str | None,
    ecosystem: str,
    limits: Limits,
    out: Path,
    force: bool,
    trust: bool = False,
) -> int:
    """Write and prove the bundle of one trial; the test split is scored here, once.

    Returns:
        The exit code: 0, or that of a model which does not fit where it is to run.
    """
    from autotiny.export import (
        BundleRequest,
        Chosen,
        checked_ecosystem,
        ecosystem_target,
        export_bundle,
    )
    from autotiny.export.engine import beside, compiled, measured

    how = checked_choice(number, how)
    firmware = checked_ecosystem(ecosystem)
    search = Search.open(name, trusted=trust)
    task, config = search.task, search.config
    limits = replace(limits, runtime=config.runtime)
    budget, target = limits.budget_and_target(config.budget, config.device)
    target = ecosystem_target(ecosystem, target)
    record = chosen_record(search, number, how, target, budget)
    model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
    validation, searched_for = search.device_score(record), record.encodings
    if target != config.device:
        record, image = repacked(search, record, target, budget)
    footprint, encodings = record.footprint, record.encodings
    firmware_runtime, extra = search.runtime, dict[str, str]()
    told: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    own, built_for, chosen, code = footprint, target, None, ""
    if config.runtime == "c":
        engine = compiled(model, name, target)
        other = beside(model, ecosystem, target)
        footprint = measured(footprint, engine, target)
        told = (*(f"engine/ {sentence}" for sentence in engine.sentences), *other.told)
        told += footprint.caveats
        firmware_runtime, built_for, own = get_runtime("tflm"), other.target, other.footprint
        image, encodings = other.packed.image, other.packed.encodings
        facts, chosen = engine.facts, Chosen(footprint, target)
        extra = {f"engine/{path}": text for path, text in engine.files.items()}
        code = f"engine/src/{engine.source.name}.c"
    manifest = export_bundle(
        BundleRequest(
            project=name,
            model=model,
            image=image,
            target=built_for,
            runtime=firmware_runtime,
            footprint=own,
            class_names=task.class_names,
            test_x=task.test.x,
            test_y=task.test.y,
            source=f"trial {record.number} of the study {name}",
            study=name,
            trial=record.number,
            parameters=record.parameters,
            scores={f"validation_{config.score.name}": validation},
            goal=task.goal,
            threshold=_threshold(search, model, image),
            encodings=encodings,
            ecosystem=firmware,
            extra=extra,
            engine=facts,
            chosen=chosen,
        ),
        out,
        force=force,
    )
    say = console().print
    say(f"Trial {record.number} of {name}, written to {out}/", style="bold")
    if target != config.device:
        if config.runtime == "c":
            what = f"{search.runtime.words.title} on {target.name} ({target.core})"
        else:
            title = firmware_runtime.firmware(built_for, ()).title
            what = f"{title} on {target.name} ({target.core}, {target.kernels} kernels)"
        _say_other_target(what, config.device, record.encodings != searched_for)
    say(footprint_table(footprint, budget))
    lacks = lacking(budget, footprint)
    if lacks:
        say(f"  Over the budget there: it lacks {lacks}.", style="bold red")
    if costs := cost_line(footprint):
        say(f"  {costs}")
    metric = config.score.name
    test = manifest.scores[f"test_{metric}"]
    say(f"  validation {metric} {validation:.4f} (measured, {search.runtime.name})")
    say(f"  test {metric:<{len(metric) + 6}} {test:.4f} (measured, {search.runtime.name})")
    for sentence in told:
        say(f"  {sentence}")
    for part in outcome_parts(manifest.test, task.class_names):
        say(part)
    if manifest.threshold is not None and task.goal.kind.name == "anomaly":
        say(
            f"  an error above {manifest.threshold:.4g} is an anomaly (mean squared error, chosen "
            "on validation data)"
        )
    agreement = manifest.litert
    say(
        "  proved: the bytes in model_data.c give the golden outputs bit for bit; LiteRT agrees on "
        f"{agreement.equal_outputs:.1%} of outputs"
        + (f", top-1 {agreement.top1:.1%}" if task.goal.kind.name == "classification" else "")
    )
    if code:
        say(f"Next, compile {out}/{code} into your firmware; {out}/engine/README.md says how")
    else:
        say(f"Next, build it for your board; {out}/README.md says how")
    return NothingFitsError.exit_code if lacks else 0


def _threshold(search: Search, model: bytes, image: bytes) -> float | None:
    """Return the threshold of anomalies, chosen on validation data in the target's runtime."""
    kind, validation = search.task.goal.kind, search.task.validation
    if not isinstance(kind, Anomaly):
        return None
    outputs = device_outputs(search.runtime, model, image, validation.x).real
    return kind.threshold(outputs, validation.x, validation.y)


def _say_other_target(what: str, searched: Target, repacked: bool) -> None:
    stored = "weights stored as it can read them, " if repacked else ""
    console().print(
        f"  For {what}; the study searched for {searched.name}: {stored}same outputs; the sizes "
        "below are its."
    )
