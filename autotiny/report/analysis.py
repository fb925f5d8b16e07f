"""An analysis for people: regions held against the budget, layers, and what is left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, JustifyMethod

from autotiny.budget.verdict import Verdict
from autotiny.report.analysis_data import (
    breakdown_parts,
    instructions_error,
    latency_error,
    shape_text,
)
from autotiny.report.grid import Grid
from autotiny.runtimes._analysis import LayerAnalysis
from autotiny.units import format_seconds

_PARTS = {"quantization": "quantisation parameters", "graph": "graph structure"}


@dataclass(frozen=True)
class _Region:
    """A row of the region table; ``used`` None is unknown, ``limit`` None is no limit."""

    name: str
    used: float | None
    origin: str
    limit: float | None = None
    depth: int = 0
    unit: Literal["B", "s", "mJ"] = "B"


def print_analysis(verdict: Verdict, out: Console) -> None:
    """Print all that is known about a model."""
    print_verdict(verdict, out)
    out.print(region_table(verdict))
    out.print(layer_table(verdict))
    for line in legend(verdict):
        out.print(f"  {line}", style="dim")
    print_unaccounted(verdict, out)


def print_verdict(verdict: Verdict, out: Console) -> None:
    """Print whether the model fits, in one line."""
    colour = {True: "bold green", False: "bold red", None: "bold yellow"}[verdict.fits]
    out.print(verdict.sentence, style=colour, soft_wrap=True)


def print_unaccounted(verdict: Verdict, out: Console) -> None:
    """Print what the figures leave out or only estimate; nothing if that is nothing."""
    if verdict.analysis.unaccounted:
        out.print("Estimated or not accounted for:", style="bold")
    for sentence in verdict.analysis.unaccounted:
        out.print(f"  - {sentence}")


def region_table(verdict: Verdict) -> Grid:
    """Return flash, RAM, time and energy, each as parts that add up, beside the budget."""
    table = Grid()
    ranks = {"region": 0, "used": 0, "budget": 1, "%": 4, "free": 3, "origin": 2}
    for title, rank in ranks.items():
        side: JustifyMethod = "left" if title in ("region", "origin") else "right"
        table.add_column(title, justify=side, rank=rank)
    for region in (*_flash(verdict), *_ram(verdict), *_costs(verdict)):
        over = region.limit is not None and (region.used or 0) > region.limit
        style = "bold red" if over else "bold" if region.depth == 0 else ""
        name = "  " * region.depth + region.name
        table.add_row(name, *_cells(region), region.origin, style=style)
    return table


def _flash(verdict: Verdict) -> Iterator[_Region]:
    analysis = verdict.analysis
    origins = analysis.origins
    origin = origins.get("runtime_bytes", "predicted")
    yield _Region("flash", verdict.flash_bytes, origin, verdict.budget.flash_bytes)
    yield _Region("model", analysis.model_bytes, "measured", depth=1)
    for name, size in breakdown_parts(verdict).items():
        yield _Region(_PARTS.get(name, name), size, "measured", depth=2)
    yield _Region("runtime code", analysis.runtime_bytes, origin, depth=1)
    yield _Region("application", verdict.app_flash_bytes, "given", depth=1)


def _ram(verdict: Verdict) -> Iterator[_Region]:
    analysis = verdict.analysis
    used, head, smallest = (
        analysis.arena_used_bytes, analysis.arena_head_bytes, analysis.arena_min_bytes
    )  # fmt: skip
    origin = analysis.origins.get("arena_bytes", "predicted")
    yield _Region("RAM", verdict.ram_bytes, origin, verdict.budget.ram_bytes)
    yield _Region("tensor arena", smallest, origin, depth=1)
    if used is not None and head is not None and smallest is not None:
        yield _Region("planned (head)", head, origin, depth=2)
        yield _Region("persistent (tail)", used - head, origin, depth=2)
        yield _Region("to start only", smallest - used, origin, depth=2)
    yield _Region("statics and stack", analysis.overhead_ram_bytes, "predicted", depth=1)
    yield _Region("application", verdict.app_ram_bytes, "given", depth=1)


def _costs(verdict: Verdict) -> Iterator[_Region]:
    part = "" if verdict.all_timed else " (at least)"
    time, energy = verdict.latency_s, verdict.energy_mj
    origin = verdict.analysis.origins.get("latency_s", "predicted")
    if time is not None:
        limit = verdict.budget.latency_s
        yield _Region(f"time per inference{part}", time, origin, limit, unit="s")
    if energy is not None:
        yield _Region(f"energy per inference{part}", energy, origin, unit="mJ")


def _cells(region: _Region) -> tuple[str, str, str, str]:
    used, limit = region.used, region.limit
    budget = "-" if region.depth == 0 else ""
    if used is None or limit is None:
        known = "unknown" if used is None else _amount(region, used)
        return known, budget if limit is None else _amount(region, limit), budget, budget
    free = _amount(region, limit - used)
    return _amount(region, used), _amount(region, limit), f"{used / limit:.1%}", free


def _amount(region: _Region, value: float) -> str:
    if region.unit == "B":
        return f"{int(value):,}"
    if region.unit == "mJ":
        return f"{value:.3g} mJ"
    return f"-{format_seconds(-value)}" if value < 0 else format_seconds(value)


def layer_table(verdict: Verdict) -> Grid:
    """Return one row for each operator, the one that fills the arena most marked."""
    table = Grid()
    table.add_column("#", justify="right")
    table.add_column("operator", folds=True)
    table.add_column("shapes", folds=True, rank=3)
    table.add_column("bits", rank=5)
    table.add_column("stored", rank=4)
    for title, rank in {"weights": 0, "arena": 0, "MACs": 2, "share": 1}.items():
        table.add_column(title, justify="right", rank=rank)
    layers = verdict.analysis.layers
    peak = max((layer.arena_bytes or 0 for layer in layers), default=0)
    for layer in layers:
        style = "bold" if layer.arena_bytes and layer.arena_bytes == peak else ""
        table.add_row(*_layer_cells(layer, peak), style=style)
    return table


def _layer_cells(layer: LayerAnalysis, peak: int) -> list[str]:
    inputs = " + ".join(_short_shape(shape) for shape in layer.input_shapes)
    output = _short_shape(layer.output_shape)
    mark = "*" if layer.arena_bytes and layer.arena_bytes == peak else " "
    return [
        str(layer.index),
        layer.operator,
        f"{inputs} -> {output}" if inputs else output,
        _bits(layer),
        layer.encoding or "-",
        f"{layer.weight_bytes:,}" if layer.weight_bytes else "-",
        "unknown" if layer.arena_bytes is None else f"{layer.arena_bytes:,}{mark}",
        f"{layer.macs:,}" if layer.macs else "-",
        "unknown" if layer.share is None else f"{layer.share:.1%}",
    ]


def _short_shape(shape: tuple[int, ...]) -> str:
    """Return a shape without its batch of 1."""
    return shape_text(shape[1:] if len(shape) > 1 and shape[0] == 1 else shape)


def _bits(layer: LayerAnalysis) -> str:
    weights = f"w{layer.weight_bits}" if layer.weight_bits else ""
    return weights + (f"a{layer.activation_bits}" if layer.activation_bits else "") or "-"


def legend(verdict: Verdict) -> list[str]:
    """Return the lines that say where the figures come from and how wrong they may be."""
    analysis, least = verdict.analysis, "" if verdict.all_timed else "at least "
    layers = (
        "bits: of weights (w) and activations (a); stored: encoding of the weights; weights: bytes "
        "in the file with biases; arena: in use while the operator runs, * the most; share: of "
        "instructions; shapes without a batch of 1"
    )
    sizes = (
        f"measured: the file and its parts, MACs, parameters; runtime code: {code_note(verdict)}; "
        f"arena: predicted for a 32-bit target ({analysis.arena_note})"
    )
    work = (
        f"{analysis.macs:,} MACs, {analysis.params:,} parameters, {least}"
        f"{analysis.instructions:,} instructions per inference "
        f"({analysis.origins.get('instructions', 'predicted')}, {instructions_error(verdict)})"
    )
    return [layers, sizes, work, *time_lines(verdict)]


def code_note(verdict: Verdict) -> str:
    """Return which build the size of the runtime's code comes from, and its error."""
    analysis = verdict.analysis
    error = analysis.errors.get("runtime_bytes")
    if not analysis.runtime_note or error is None:
        return "unknown"
    return f"{analysis.origins['runtime_bytes']} from {analysis.runtime_note}, within {error:.0%}"


def time_lines(verdict: Verdict) -> list[str]:
    """Return how time and energy are predicted, and what makes them wrong; none without a clock."""
    target = verdict.target
    if target.clock_hz is None:
        return []
    time = (
        f"time: instructions x {target.cycles_per_instruction:g} cycles (assumed) at "
        f"{target.clock_hz / 1e6:g} MHz (datasheet)"
    )
    energy = "unknown, since the device states no current"
    if verdict.energy_mj is not None:
        energy = f"time x {target.active_ma:g} mA x {target.supply_v:g} V (datasheet)"
    return [f"{time}; energy: {energy}", f"error of time and energy: {latency_error(verdict)}"]
