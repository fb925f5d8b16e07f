"""An analysis for programs: one JSON object, or one CSV row for each layer."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any

from autotiny.budget.verdict import Verdict
from autotiny.runtimes._analysis import LayerAnalysis

#: Figures of an analysis that are another name for, or a part of, a footprint's.
_SAME_ORIGIN: Mapping[str, str] = {
    "breakdown": "model_bytes",
    "flash_bytes": "runtime_bytes",
    "arena_min_bytes": "arena_bytes",
    "arena_head_bytes": "arena_bytes",
    "arena_tail_bytes": "arena_bytes",
    "ram_bytes": "arena_bytes",
}


def origins(verdict: Verdict) -> dict[str, str]:
    """Return how each figure came to be."""
    known: Mapping[str, str] = verdict.analysis.origins
    derived = {name: known[source] for name, source in _SAME_ORIGIN.items() if source in known}
    return {name: origin for name, origin in known.items() if name != "arena_bytes"} | derived


def analysis_json(verdict: Verdict) -> str:
    """Return everything as one JSON object; sizes in bytes, unknown figures null."""
    analysis = verdict.analysis
    data = _summary(verdict) | {
        "breakdown": breakdown_parts(verdict),
        "layers": [dataclasses.asdict(layer) for layer in analysis.layers],
        "memory_map": [dataclasses.asdict(buffer) for buffer in analysis.buffers],
    }
    return json.dumps(data, indent=2)


def verdict_json(verdict: Verdict) -> str:
    """Return the verdict and the figures it rests on as one JSON object."""
    return json.dumps(_summary(verdict), indent=2)


def verdict_csv(verdict: Verdict) -> str:
    """Return one row for each limit: what is used, by how much that may be wrong, what is left."""
    text = io.StringIO()
    columns = ("model", "outcome", "limit", "used", "error", "budget", "left")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for name, limit in verdict.limits.items():
        used = getattr(verdict, name)
        writer.writerow({
            "model": verdict.name, "outcome": verdict.outcome, "limit": name, "used": used,
            "error": verdict.margins[name], "budget": limit,
            "left": None if used is None else limit - used,
        })  # fmt: skip
    return text.getvalue().rstrip("\n")


def _summary(verdict: Verdict) -> dict[str, Any]:
    analysis, target = verdict.analysis, verdict.target
    used, head = analysis.arena_used_bytes, analysis.arena_head_bytes
    return {
        "model": verdict.name,
        "fits": verdict.fits,
        "outcome": verdict.outcome,
        "lacks": verdict.lacks,
        "margins": verdict.margins,
        "verdict": verdict.sentence,
        "refusal": analysis.refusal,
        "target": dataclasses.asdict(target),
        "kernels": target.kernels,
        "budget": dataclasses.asdict(verdict.budget),
        "model_bytes": analysis.model_bytes,
        "runtime_bytes": analysis.runtime_bytes,
        "runtime_note": analysis.runtime_note,
        "app_flash_bytes": verdict.app_flash_bytes,
        "flash_bytes": verdict.flash_bytes,
        "arena_used_bytes": used,
        "arena_min_bytes": analysis.arena_min_bytes,
        "arena_head_bytes": head,
        "arena_tail_bytes": None if used is None or head is None else used - head,
        "overhead_ram_bytes": analysis.overhead_ram_bytes,
        "app_ram_bytes": verdict.app_ram_bytes,
        "ram_bytes": verdict.ram_bytes,
        "macs": analysis.macs,
        "params": analysis.params,
        "arena_note": analysis.arena_note,
        **_costs(verdict),
        "origins": origins(verdict),
        "errors": dict(analysis.errors),
        "unaccounted": list(analysis.unaccounted),
    }


def _costs(verdict: Verdict) -> dict[str, Any]:
    """Return instructions, time and energy, null unless every operator's can be told."""
    analysis, known = verdict.analysis, verdict.all_timed
    latency, energy = verdict.latency_s, verdict.energy_mj
    return {
        "instructions": analysis.instructions if known else None,
        "instructions_error": analysis.instructions_error,
        "latency_s": latency if known else None,
        "latency_error": None if latency is None else latency_error(verdict),
        "energy_mj": energy if known else None,
        "energy_error": None if energy is None else energy_error(verdict),
    }


def instructions_error(verdict: Verdict) -> str:
    """Return how wrong the instructions may be."""
    error = verdict.analysis.instructions_error
    return "error unknown" if error is None else f"whole model within {error:.0%}"


def latency_error(verdict: Verdict) -> str:
    """Return what makes the time wrong."""
    cycles = verdict.target.cycles_per_instruction
    return (
        f"that of instructions ({instructions_error(verdict)}) and of the "
        f"{cycles:g} cycles per instruction, which are assumed"
    )


def energy_error(verdict: Verdict) -> str:
    """Return what makes the energy wrong."""
    return f"that of time: {latency_error(verdict)}; and of the datasheet's current"


def breakdown_parts(verdict: Verdict) -> dict[str, int]:
    """Return bytes of the file by what they are for; they add up to its size."""
    parts = dataclasses.asdict(verdict.analysis.breakdown)
    del parts["tensors"]
    return parts


def analysis_csv(verdict: Verdict) -> str:
    """Return one row for each layer; shapes as in ``1x49x10x1``, several separated by a space."""
    text = io.StringIO()
    columns = [field.name for field in dataclasses.fields(LayerAnalysis)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(layer) for layer in verdict.analysis.layers)
    return text.getvalue().rstrip("\n")


def _row(layer: LayerAnalysis) -> dict[str, Any]:
    inputs = " ".join(shape_text(shape) for shape in layer.input_shapes)
    output = shape_text(layer.output_shape)
    return {**dataclasses.asdict(layer), "input_shapes": inputs, "output_shape": output}


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as ``1x49x10x1``; ``scalar`` without dimensions."""
    return "x".join(str(size) for size in shape) or "scalar"
