"""A model's C code as part of a bundle, with what was measured of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autotiny.errors import UnsupportedModelError
from autotiny.export._request import c_identifier, ecosystem_target
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import (
    Footprint,
    Origin,
    Packed,
    Target,
    energy_mj,
    latency_s,
)
from autotiny.runtimes.c.engine import Engine, build_engine
from autotiny.runtimes.c.measure.cores import any_core
from autotiny.runtimes.c.names import free_name


@dataclass(frozen=True)
class Beside:
    """The same model in TensorFlow Lite Micro, which the project beside the C code links.

    Attributes:
        packed: The model as that runs it.
        target: What the project is for.
        footprint: What it takes there.
        told: What is to be said of it.
    """

    packed: Packed
    target: Target
    footprint: Footprint
    told: tuple[str, ...] = ()


def beside(model: bytes, ecosystem: str, target: Target) -> Beside:
    """Return a model in TensorFlow Lite Micro, on a generic target where it runs on no other.

    Args:
        model: An int8 .tflite.
        ecosystem: Whose project it is.
        target: What the C code will run on.
    """
    runtime = get_runtime("tflm")
    told: tuple[str, ...] = ()
    try:
        packed = runtime.pack(model, target)
        footprint = runtime.footprint(packed.image, target)
    except UnsupportedModelError:
        told = (f"TFLM does not run on {target.name}: the project beside engine/ is generic",)
        target = ecosystem_target(ecosystem, Target())
        packed = runtime.pack(model, target)
        footprint = runtime.footprint(packed.image, target)
    return Beside(packed, target, footprint, told)


def compiled(model: bytes, project: str, target: Target) -> Engine:
    """Return the C code of a model, proved, and measured where it can be.

    Args:
        model: An int8 .tflite.
        project: What the user calls it.
        target: What it will run on; what code takes on a core that no compiler is known for is
            estimated.
    """
    core, name = any_core(target.core), free_name(c_identifier(project)[:40])
    return build_engine(model, name, target.optimise, core, title=project)


def measured(footprint: Footprint, engine: Engine, target: Target) -> Footprint:
    """Return a footprint with what was measured on the target's own core."""
    facts = engine.facts
    work = facts["work_bytes"]
    footprint = replace(footprint, arena_bytes=work, arena_used_bytes=work)
    if any_core(target.core).name != facts["core"] or not _is_measured(facts, "flash_bytes"):
        return footprint
    origins: dict[str, Origin] = {**footprint.origins, "runtime_bytes": "measured"}
    origins["model_bytes"] = "measured"
    errors: dict[str, float | None] = {**footprint.errors}
    errors |= {"model_bytes": 0.0, "runtime_bytes": 0.0}
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
            origins[name], errors[name] = "predicted", None
    return replace(made, origins=origins, errors=errors)


def _is_measured(facts: Mapping[str, Any], name: str) -> bool:
    return bool(facts["origins"].get(name) == "measured")
