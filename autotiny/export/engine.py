"""A model's C code as part of a bundle, with what was measured of it."""

from dataclasses import replace

from autotiny.export._request import c_identifier
from autotiny.runtimes._base import Footprint, Origin, Target, energy_mj, latency_s
from autotiny.runtimes.c.engine import Engine, build_engine
from autotiny.runtimes.c.measure.cores import CORES, core_of


def compiled(model: bytes, project: str, target: Target) -> Engine:
    """Return the C code of a model, proved, and measured where it can be.

    Args:
        model: An int8 .tflite.
        project: What the user calls it.
        target: What it will run on; code for a core that no compiler is known for is measured on a
            Cortex-M4, and the footprint keeps its prediction.
    """
    core = core_of(target.core) or CORES["cortex-m4"]
    return build_engine(model, c_identifier(project)[:40], "size", core, title=project)


def measured(footprint: Footprint, engine: Engine, target: Target) -> Footprint:
    """Return a footprint with what was measured on the target's own core."""
    facts = engine.facts
    core = core_of(target.core)
    if core is None or core.name != facts["core"] or facts["flash_bytes"] is None:
        return footprint
    origins: dict[str, Origin] = {**footprint.origins, "runtime_bytes": "measured"}
    errors = {**footprint.errors, "runtime_bytes": 0.0}
    made = replace(
        footprint, model_bytes=facts["constant_bytes"], runtime_bytes=facts["code_bytes"]
    )
    if facts["stack_bytes"] is not None:
        made = replace(made, overhead_ram_bytes=facts["stack_bytes"])
        origins["overhead_ram_bytes"], errors["overhead_ram_bytes"] = "measured", 0.0
    if facts["instructions"] is not None:
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
