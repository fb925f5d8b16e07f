"""A trial beside its base model: for people and for programs."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from autotiny.report.grid import Grid
from autotiny.report.plain import facts_text, rows_text
from autotiny.report.tables import sureness
from autotiny.runtimes._base import Footprint
from autotiny.study.comparison import Comparison, LayerFacts, Side
from autotiny.study.front import TrialRecord
from autotiny.units import format_seconds

#: Figures of a footprint, as a person would say them, and what they are called.
_FIGURES: Mapping[str, str] = {
    "model, bytes": "model_bytes",
    "flash, bytes": "flash_bytes",
    "RAM, bytes": "ram_bytes",
    "MACs": "macs",
    "parameters": "params",
    "latency": "latency_s",
    "energy, mJ": "energy_mj",
}


def models_table(found: Comparison, record: TrialRecord) -> Grid:
    """Return what the base model is before and after lowering, and the trial, in columns."""
    before, after = found.base, found.trial
    table = Grid(caption=_models_caption(after.footprint))
    for title in ("", "float", "int8", f"trial {record.number}", "change"):
        table.add_column(title, justify="right" if title else "left")
    scores = [found.float_score, before.score, after.score]
    cells = ["-" if score is None else f"{score:.4f}" for score in scores]
    table.add_row(f"validation {record.metric.name}", *cells, _difference(before, after))
    for title, name in _FIGURES.items():
        was, now = getattr(before.footprint, name), getattr(after.footprint, name)
        if was is None and now is None:
            continue
        table.add_row(title, "-", _figure(name, was), _figure(name, now), _ratio(was, now))
    return table


def layers_table(found: Comparison, record: TrialRecord) -> Grid:
    """Return every layer with weights, as it was and as it is in the trial."""
    table = Grid(caption="before > after; bytes: weights and biases as they are stored in flash")
    table.add_column("layer")
    ranks = {"parameters": 0, "MACs": 3, "precision": 2, "stored as": 1, "bytes": 0, "zeros": 4}
    for title, rank in ranks.items():
        table.add_column(title, justify="right", rank=rank)
    for name in _names(found):
        was, now = found.base.layers.get(name), found.trial.layers.get(name)
        table.add_row(
            name,
            _both(was, now, lambda x: f"{x.params:,}"),
            _both(was, now, lambda x: f"{x.macs:,}"),
            _both(was, now, lambda x: x.precision),
            _both(was, now, lambda x: x.encoding),
            _both(was, now, lambda x: "?" if x.stored_bytes is None else f"{x.stored_bytes:,}"),
            _both(was, now, lambda x: f"{x.sparsity:.0%}"),
        )
    return table


def comparison_text(found: Comparison, record: TrialRecord, study: str, output: str) -> str:
    """Return everything as JSON, or a CSV row for each layer and one for each whole model."""
    if output == "json":
        facts = {
            "study": study,
            "trial": record.number,
            "parameters": dict(record.parameters),
            "dropped": dict(record.dropped),
            "metric": record.metric.name,
            "float_score": found.float_score,
            "base": _facts(found.base),
            "result": _facts(found.trial),
        }
        return facts_text(facts, "json")
    rows = []
    for title, side in (("base", found.base), (f"trial {record.number}", found.trial)):
        whole = {"params": side.footprint.params, "macs": side.footprint.macs}
        sizes = {name: getattr(side.footprint, name) for name in _FIGURES.values()}
        rows.append(_row(title, "", whole | sizes | {record.metric.name: side.score}, record))
        rows += [
            _row(title, name, dataclasses.asdict(layer), record)
            for name, layer in side.layers.items()
        ]
    return rows_text(rows, "csv")


def _row(model: str, layer: str, known: Mapping[str, Any], record: TrialRecord) -> dict[str, Any]:
    """Return a row with all columns, those that are not known empty."""
    fields = [field.name for field in dataclasses.fields(LayerFacts)]
    columns = dict.fromkeys([*fields, record.metric.name, *_FIGURES.values()])
    return {"model": model, "layer": layer, **columns, **known}


def _facts(side: Side) -> dict[str, Any]:
    sizes = {name: getattr(side.footprint, name) for name in _FIGURES.values()}
    layers = {name: dataclasses.asdict(layer) for name, layer in side.layers.items()}
    return {"score": side.score, **sizes, "layers": layers}


def _names(found: Comparison) -> list[str]:
    """Return the layers of the base model and what else the trial has, in order."""
    return list(dict.fromkeys([*found.base.layers, *found.trial.layers]))


def _both(was: LayerFacts | None, now: LayerFacts | None, show: Callable[[LayerFacts], str]) -> str:
    """Return a figure before and after, once where it is the same; ``-`` where a layer is not."""
    before, after = ("-" if layer is None else show(layer) for layer in (was, now))
    return before if before == after else f"{before} > {after}"


def _difference(before: Side, after: Side) -> str:
    if before.score is None or after.score is None:
        return ""
    return f"{after.score - before.score:+.4f}"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name == "latency_s":
        return format_seconds(value)
    return f"{value:.3g}" if name == "energy_mj" else f"{value:,}"


def _ratio(was: float | None, now: float | None) -> str:
    return f"{now / was - 1:+.0%}" if was and now is not None else ""


def _models_caption(footprint: Footprint) -> str:
    text = "scores: measured on validation data, int8 ones in the target's runtime"
    if footprint.latency_s is None:
        return text
    costs = "latency" if footprint.energy_mj is None else "latency and energy"
    return f"{text}; {costs}: {sureness(footprint)}, and assumed cycles per instruction"
