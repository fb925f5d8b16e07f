"""``autotiny show``."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from autotiny.commands._options import checked_format
from autotiny.evaluation import device_outputs
from autotiny.report.console import console
from autotiny.report.grid import Grid
from autotiny.report.outcome import outcome_parts
from autotiny.report.plain import facts_text
from autotiny.report.tables import cost_line, footprint_table, sureness
from autotiny.runtimes import Footprint, get_runtime
from autotiny.study.front import TrialRecord
from autotiny.study.search import Search


def show_trial(
    name: str, number: int, test: bool, output: str = "table", trust: bool = False
) -> None:
    """Print everything about one trial; only ``test`` touches the test split."""
    checked_format(output)
    search = Search.open(name, trusted=trust)
    record, out = search.record(number), console()
    scores, outcome = _scores(search, record, test)  # before anything is printed: may be refused
    if output != "table":
        print(facts_text(_facts(record, scores, outcome), output))
        return
    out.print(f"Trial {number} of {name}", style="bold")
    out.print(_pairs("hyperparameter", {k: _number(v) for k, v in record.parameters.items()}))
    for parameter, reason in record.dropped.items():
        out.print(f"  {parameter} was dropped: {reason}.")
    out.print(_plan(record))
    out.print(footprint_table(record.footprint, search.config.budget))
    footprint = record.footprint
    if (bound := record.predicted.get("flash_bytes")) is not None:
        out.print(
            f"  {bound:,} B of flash were predicted before training, as an upper bound; it takes "
            f"{bound - footprint.flash_bytes:,} B less."
        )
    count = footprint.instructions
    work = "an unknown number of" if count is None else f"{count:,}"
    out.print(
        f"  {footprint.macs:,} MACs, {footprint.params:,} parameters (measured), "
        f"{work} instructions per inference ({sureness(footprint)})"
    )
    if costs := cost_line(footprint):
        out.print(f"  {costs}")
    for sentence in footprint.caveats:
        out.print(f"  {sentence}")
    for runtime, there in record.elsewhere.items():
        out.print(
            f"  With {get_runtime(runtime).words.title} (front --runtime {runtime}): flash "
            f"{there.footprint.flash_bytes:,} B, RAM {there.footprint.ram_bytes:,} B "
            f"({there.footprint.origins.get('runtime_bytes', 'predicted')})"
        )
    if not scores:
        out.print("  Never trained: over budget.")
        return
    name_of_score = record.metric.name
    shown = {f"{key} (measured)": f"{value:.4f}" for key, value in scores.items()}
    out.print(_pairs(name_of_score, shown))
    for part in outcome_parts(outcome, search.task.class_names):
        out.print(part)


def _scores(
    search: Search, record: TrialRecord, test: bool
) -> tuple[dict[str, float], Mapping[str, Any]]:
    """Return what was measured of a trial, and what else its test outputs tell.

    Nothing if it was never trained.
    """
    if record.litert_score is None:
        return {}, {}
    runtime, task = search.runtime, search.task
    scores = {
        "validation, litert": record.litert_score,
        f"validation, {runtime.name}": search.device_score(record),
    }
    if not test:
        return scores, {}
    model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
    outputs = device_outputs(runtime, model, image, task.test.x).real
    scores[f"test, {runtime.name}"] = task.goal.score(outputs, task.test)
    kind = task.goal.kind
    return scores, kind.facts(outputs, task.test.x, task.test.y, task.class_names)


def _facts(
    record: TrialRecord, scores: dict[str, float], outcome: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a trial as nested facts; sizes are bytes, scores are measured."""
    footprint = record.footprint
    facts = {
        "trial": record.number,
        "parameters": dict(record.parameters),
        "dropped": dict(record.dropped),
        "plan": dict(record.plan),
        "encodings": dict(record.encodings),
        "footprint": _sizes(footprint),
        "predicted": dict(record.predicted),
        "elsewhere": {name: _sizes(there.footprint) for name, there in record.elsewhere.items()},
        record.metric.name: {key.replace(", ", "_"): value for key, value in scores.items()},
    }
    return facts | ({"test": dict(outcome)} if outcome else {})


def _sizes(footprint: Footprint) -> dict[str, Any]:
    """Return a footprint's parts and its totals."""
    totals = {"flash_bytes": footprint.flash_bytes, "ram_bytes": footprint.ram_bytes}
    return dataclasses.asdict(footprint) | totals


def _plan(record: TrialRecord) -> Grid:
    """Return the precision plan and the encoding of each weight layer."""
    from autotiny.networks.precision import INT8

    table = Grid()
    for title in ("layer", "precision", "weights stored as"):
        table.add_column(title)
    stored = {name.removesuffix("/kernel"): code for name, code in record.encodings.items()}
    for layer in {**stored, **record.plan}:
        table.add_row(layer, record.plan.get(layer, str(INT8)), stored.get(layer, "-"))
    return table


def _pairs(title: str, values: dict[str, str]) -> Grid:
    table = Grid()
    table.add_column(title)
    table.add_column("value", justify="right")
    for key, value in values.items():
        table.add_row(key, value)
    return table


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
