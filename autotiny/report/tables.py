"""Tables of trials, for people and for programs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import JustifyMethod

from autotiny.budget.limits import LIMIT_NAMES, Budget, limit_amount
from autotiny.hyperparameters import RULES
from autotiny.report.grid import Grid
from autotiny.report.plain import rows_text
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Footprint
from autotiny.study.front import TrialRecord, pick
from autotiny.tasks.metrics import Metric
from autotiny.units import format_seconds

#: How weights are stored without a zero taking less room than another value.
_DENSE = frozenset({"int8", "int4"})
#: Hyperparameters that are told in words of their own, or by what came of them.
_TOLD = frozenset({"distillation", "encoding_ram", "pruning_schedule"})


def front_row(record: TrialRecord) -> dict[str, Any]:
    """Return a trial as one flat row; sizes are bytes, the score is on validation data."""
    footprint = record.footprint
    return {
        "trial": record.number,
        record.metric.name: record.score,
        f"{record.metric.name}_litert": record.litert_score,
        "flash_bytes": footprint.flash_bytes,
        "ram_bytes": footprint.ram_bytes,
        "model_bytes": footprint.model_bytes,
        "runtime_bytes": footprint.runtime_bytes,
        "arena_bytes": footprint.arena_bytes,
        "macs": footprint.macs,
        "params": footprint.params,
        "instructions": footprint.instructions,
        "latency_s": footprint.latency_s,
        "energy_mj": footprint.energy_mj,
    }


def front_text(records: Sequence[TrialRecord], output: str, metric: Metric) -> str:
    """Return the front as ``json`` or ``csv`` text.

    Args:
        records: The front; may be empty.
        output: Which of them.
        metric: What the scores are.
    """
    knee = pick(records, "knee").number if records else None
    rows = [front_row(record) | {"knee": record.number == knee} for record in records]
    return rows_text(rows, output, (*front_row_keys(metric), "knee"))


def front_row_keys(metric: Metric) -> tuple[str, ...]:
    """Return the column names of ``front_row``."""
    empty = Footprint(0, 0, 0, 0, 0, 0, 0, 0)
    record = TrialRecord(0, {}, empty, 0.0, 0.0, {}, {}, {}, 0.0, metric=metric)
    return tuple(front_row(record))


def front_table(records: Sequence[TrialRecord], budget: Budget) -> Grid:
    """Return the front as a table, its caption saying where the figures come from.

    Args:
        records: Trials, in the order to show them; the knee is marked.
        budget: Limits that sizes are shown as shares of, if there is room.
    """
    timed = any(record.footprint.latency_s is not None for record in records)
    charged = any(record.footprint.energy_mj is not None for record in records)
    table = Grid(caption=_legend(records))
    knee = pick(records, "knee").number if records else None
    score = records[0].metric.name if records else "score"
    columns = {
        "trial": 0, score: 0, "flash": 0, "% ": 6 if budget.flash_bytes else -1, "model": 4,
        "RAM": 0, "%": 6 if budget.ram_bytes else -1, "arena": 4, "MACs": 5,
        "latency": 1 if timed else -1, "energy": 2 if charged else -1,
    }  # fmt: skip
    shown = [title for title, rank in columns.items() if rank >= 0]
    for title in shown:
        table.add_column(title.strip(), justify="right", rank=columns[title])
    table.add_column("", rank=2)
    table.add_column("compression", rank=3, folds=True)
    for record in records:
        footprint = record.footprint
        cells = {
            "trial": str(record.number),
            score: "-" if record.score is None else f"{record.score:.4f}",
            "flash": f"{footprint.flash_bytes:,}",
            "% ": _share(footprint.flash_bytes, budget.flash_bytes),
            "model": f"{footprint.model_bytes:,}",
            "RAM": f"{footprint.ram_bytes:,}",
            "%": _share(footprint.ram_bytes, budget.ram_bytes),
            "arena": f"{footprint.arena_bytes:,}",
            "MACs": f"{footprint.macs:,}",
            "latency": _latency(footprint),
            "energy": _energy(footprint),
        }
        mark = "knee" if record.number == knee else ""
        table.add_row(*(cells[title] for title in shown), mark, compression(record))
    return table


def _latency(footprint: Footprint) -> str:
    return "-" if footprint.latency_s is None else format_seconds(footprint.latency_s)


def _energy(footprint: Footprint) -> str:
    return "-" if footprint.energy_mj is None else f"{footprint.energy_mj:.3g} mJ"


def cost_line(footprint: Footprint) -> str:
    """Return latency and energy per inference as far as they are known; empty if neither is."""
    known = [f"latency {_latency(footprint)}"] * (footprint.latency_s is not None)
    known += [f"energy {_energy(footprint)}"] * (footprint.energy_mj is not None)
    how = sureness(footprint)
    if footprint.origins.get("instructions") == "measured":
        how = "predicted: instructions are measured, cycles per instruction assumed"
    return f"{', '.join(known)} per inference ({how})" if known else ""


def sureness(footprint: Footprint) -> str:
    """Return how the instructions came to be and how wrong they may be."""
    origin = footprint.origins.get("instructions", "predicted")
    error = footprint.errors.get("instructions")
    return f"{origin}, " + ("error not known" if error is None else f"within {error:.0%}")


def compression(record: TrialRecord) -> str:
    """Return what was done to a trial's model in a few words.

    Sparsity is named only where some weights are stored in a way that zeros make smaller.
    """
    parameters = record.parameters
    parts = [f"{k} {parameters[k]:.2f}" for k in ("width", "depth") if k in parameters]
    pruned = parameters.get("sparsity") and not _DENSE.issuperset(record.encodings.values())
    if pruned:
        parts.append(f"sparsity {parameters['sparsity']:.2f}")
    if parameters.get("distillation_alpha"):
        kind = parameters.get("distillation", "soft")
        parts.append("distilled" if kind == "soft" else f"distilled ({kind})")
    parts += _methods(record, pruned=bool(pruned))
    # A precision that is plain from how the weights are stored need not be told twice.
    stored = sorted({name for name in record.encodings.values() if name != "int8"})
    plans = set(record.plan.values()) - ({"w4a8"} if "int4" in stored else set())
    return ", ".join([*parts, *sorted(plans), *stored])


def _methods(record: TrialRecord, *, pruned: bool) -> list[str]:
    """Return the named choices of a trial that are not the usual ones, in a few words."""
    told = []
    for name, rule in RULES.items():
        value = record.parameters.get(name, rule.default)
        if rule.kind != "choice" or value == rule.default or name in _TOLD:
            continue
        if not rule.matters(record.parameters) or (rule.needs == "sparsity" and not pruned):
            continue
        told.append(f"{name.removeprefix('pruning_').replace('_', ' ')} {value}")
    return told


def _share(used: int, limit: int | None) -> str:
    return f"{used / limit:.0%}" if limit else ""


def _legend(records: Sequence[TrialRecord]) -> str:
    scored = any(record.device_score is not None for record in records)
    where = "in the target's runtime" if scored else "in LiteRT"
    score = records[0].metric.name if records else "score"
    basis = basis_of([record.footprint for record in records])
    text = f"{score}: measured on validation data {where}; sizes in bytes; {basis}"
    if all(record.footprint.latency_s is None for record in records):
        return "\n".join([text, *_caveats(records)])
    charged = any(record.footprint.energy_mj is not None for record in records)
    text += (
        f"; latency{' and energy' * charged}: from instructions, {_error(records)}, and assumed "
        "cycles per instruction"
    )
    return "\n".join([text, *_caveats(records)])


def basis_of(footprints: Sequence[Footprint]) -> str:
    """Return where sizes come from, and which of them are another core's."""
    words = get_runtime(footprints[0].runtime if footprints else "tflm").words
    origins = [footprint.origins for footprint in footprints if not footprint.caveats]
    borrowed = {"runtime_bytes": words.code, "overhead_ram_bytes": words.overhead}
    told = [
        name
        for figure, name in borrowed.items()
        if any(origin.get(figure) == "estimated" for origin in origins)
    ]
    if not told:
        return words.basis
    return f"{words.basis}; {' and '.join(told)}: estimated from another core, not measured on this"


def _error(records: Sequence[TrialRecord]) -> str:
    """Return how wrong the instructions of trials may be, the least sure of them counting."""
    errors = [record.footprint.errors.get("instructions") for record in records]
    known = [error for error in errors if error is not None]
    if len(known) < len(errors):
        return "whose error is not known for all of these"
    origins = {record.footprint.origins.get("instructions", "predicted") for record in records}
    return f"{'estimated' if 'estimated' in origins else 'predicted'} within {max(known):.0%}"


def _caveats(records: Sequence[TrialRecord]) -> list[str]:
    """Return what makes figures less sure, each sentence once, with the trials it holds for."""
    trials: dict[str, list[int]] = {}
    for record in records:
        for sentence in record.footprint.caveats:
            trials.setdefault(sentence, []).append(record.number)
    everyone = len(records)
    return [
        sentence if len(numbers) == everyone else f"trial {_listed(numbers)}: {sentence}"
        for sentence, numbers in trials.items()
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def lacking(budget: Budget, footprint: Footprint) -> str:
    """Return by how much each limit is overspent, in words; empty if none is."""
    over = {name: value for name, value in budget.excess(footprint).items() if value > 0}
    return lacks_text(over)


def lacks_text(over: Mapping[str, float]) -> str:
    """Return amounts by the names of their limits, in words."""
    return ", ".join(_lack(name, value) for name, value in over.items())


def _lack(name: str, value: float) -> str:
    if math.isinf(value):
        return f"a known {LIMIT_NAMES[name]}"
    return f"{limit_amount(name, value)} of {LIMIT_NAMES[name]}"


def footprint_table(footprint: Footprint, budget: Budget) -> Grid:
    """Return flash and RAM as parts that add up, beside the budget."""
    table = Grid()
    for title, rank in {"region": 0, "used": 0, "budget": 0, "%": 2, "free": 1}.items():
        side: JustifyMethod = "left" if title == "region" else "right"
        table.add_column(title, justify=side, rank=rank)
    words = get_runtime(footprint.runtime).words
    flash = (
        ("model", footprint.model_bytes),
        (words.code, footprint.runtime_bytes),
        ("application", footprint.app_flash_bytes),
    )
    ram = (
        (words.arena, footprint.arena_bytes),
        (words.overhead, footprint.overhead_ram_bytes),
        ("application", footprint.app_ram_bytes),
    )
    _region(table, "flash", footprint.flash_bytes, budget.flash_bytes, flash)
    _region(table, "RAM", footprint.ram_bytes, budget.ram_bytes, ram)
    return table


def _region(
    table: Grid, name: str, used: int, limit: int | None, parts: Sequence[tuple[str, int]]
) -> None:
    budget = ("-", "-", "-")
    if limit is not None:
        budget = (f"{limit:,}", f"{used / limit:.1%}", f"{limit - used:,}")
    table.add_row(name, f"{used:,}", *budget, style="bold")
    for part, size in parts:
        table.add_row(f"  {part}", f"{size:,}")
