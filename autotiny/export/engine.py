"""A model's C code as part of a bundle, with what was measured of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from autotiny.export._request import c_identifier
from autotiny.runtimes._base import Footprint, Origin, Target, energy_mj, latency_s
from autotiny.runtimes.c.engine import Engine, build_engine
from autotiny.runtimes.c.measure.cores import any_core
from autotiny.runtimes.c.names import free_name


def compiled(model: bytes, project: str, target: Target) -> Engine:
    """Return the C code of a model, proved, and measured where it can be.

    Args:
        model: An int8 .tflite.
        project: What the user calls it.
        target: What it will run on; what code takes on a core that no compiler is known for is
            estimated.
    """
    core = any_core(target.core)
    return build_engine(model, free_name(c_identifier(project)[:40]), "size", core, title=project)


def measured(footprint: Footprint, engine: Engine, target: Target) -> Footprint:
    """Return a footprint with what was measured on the target's own core."""
    facts = engine.facts
    if any_core(target.core).name != facts["core"] or not _is_measured(facts, "flash_bytes"):
        return footprint
    origins: dict[str, Origin] = {**footprint.origins, "runtime_bytes": "measured"}
    errors = {**footprint.errors, "runtime_bytes": 0.0}
    made = replace(
        footprint, model_bytes=facts["constant_bytes"], runtime_bytes=facts["code_bytes"]
    )
    if _is_measured(facts, "stack_bytes"):
        made = replace(made, overhead_ram_bytes=facts["stack_bytes"])
        origins["overhead_ram_bytes"], errors["overhead_ram_bytes"] = "measured", 0.0
    if _is_measured(facts, "instructions"):
        latency = latency_s(facts["instructions"], target)
        made = replace(
            made,
            instructions=facts["instructions"],
            latency_s=latency,
            energy_mj=energy_mj(latency, target),
        )
        origins["instructions"], errors["instructions"] = "measured", 0.0
        for name in ("latency_s", "energy_mj"):  # of assumed cycles per instruction
            origins[name], errors[name] = "predicted", 0.0
    return replace(made, origins=origins, errors=errors)


def _is_measured(facts: Mapping[str, Any], name: str) -> bool:
    return bool(facts["origins"].get(name) == "measured")
