"""The figures of a footprint on TFLM, with their origins and errors."""

from functools import cache
from importlib.resources import files
from typing import Any

from autotiny.runtimes._base import Footprint, Origin, Target, energy_mj, latency_s
from autotiny.runtimes.tflm import instructions
from autotiny.runtimes.tflm.arena import Arena
from autotiny.runtimes.tflm.code_size import CodeSize
from autotiny.tflite.reader import Model


def registered_operators(model: Model) -> tuple[str, ...]:
    """Return the operators that firmware for a model registers.

    Where there are several subgraphs, which only the first is read of, these are all that the file
    declares.
    """
    if model.subgraphs == 1:
        return model.operator_names
    declared = (code.name for code in model.operator_codes)
    return tuple(dict.fromkeys((*model.operator_names, *declared)))


def make_footprint(
    image: bytes,
    model: Model,
    target: Target,
    arena: Arena,
    code: CodeSize,
    app_flash_bytes: int = 0,
    app_ram_bytes: int = 0,
) -> Footprint:
    """Return a footprint from its parts, and predict instructions, latency and energy.

    Where an operator's instructions cannot be told, neither can the model's, nor its latency.
    """
    work = instructions.model_work(model, target)
    latency = latency_s(work.instructions, target)
    return Footprint(
        model_bytes=len(image),
        runtime_bytes=code.size,
        arena_used_bytes=arena.used,
        arena_bytes=arena.smallest,
        overhead_ram_bytes=overhead_ram_bytes(),
        macs=work.macs,
        params=instructions.parameter_count(model),
        instructions=work.instructions,
        app_flash_bytes=app_flash_bytes,
        app_ram_bytes=app_ram_bytes,
        latency_s=latency,
        energy_mj=energy_mj(latency, target),
        origins=origins(code, work),
        errors=errors(code, work),
        caveats=work.unaccounted,
    )


_MEASURED = ("model_bytes", "macs", "params")
_FROM_INSTRUCTIONS = ("instructions", "latency_s", "energy_mj")
_FROM_ARENA = ("arena_used_bytes", "arena_bytes")


def origins(code: CodeSize | None, work: instructions.Work) -> dict[str, Origin]:
    """Return how each figure of a footprint came to be."""
    found: dict[str, Origin] = dict.fromkeys(_MEASURED, "measured")
    found |= dict.fromkeys((*_FROM_ARENA, "overhead_ram_bytes"), "predicted")
    found |= dict.fromkeys(_FROM_INSTRUCTIONS, work.origin)
    return found | {"runtime_bytes": code.origin if code else "estimated"}


def errors(code: CodeSize | None, work: instructions.Work) -> dict[str, float | None]:
    """Return the relative error of each figure of a footprint.

    The arena's rule has no error where it was measured, and the reserve for statics and stack is
    no measurement: it is what the firmware sets aside.
    """
    found: dict[str, float | None] = dict.fromkeys(_MEASURED, 0.0)
    found |= dict.fromkeys((*_FROM_ARENA, "overhead_ram_bytes"), 0.0)
    found |= dict.fromkeys(_FROM_INSTRUCTIONS, work.error)
    return found | {"runtime_bytes": code.error if code else None}


@cache
def _reserve() -> dict[str, Any]:
    import yaml

    text = files("autotiny.runtimes.tflm").joinpath("reserve.yaml").read_text("utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data


def overhead_ram_bytes() -> int:
    """Return the reserve for the runtime's statics and stack."""
    return int(_reserve()["statics"]) + int(_reserve()["stack"])
