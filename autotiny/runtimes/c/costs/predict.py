"""Predicts code, stack and instructions of a program on a core, from tables of measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from autotiny.runtimes._base import Optimise, Origin
from autotiny.runtimes.c.costs.features import (
    Features,
    code_features,
    stack_forms,
    step_work_features,
    work_features,
)
from autotiny.runtimes.c.groups import Group
from autotiny.runtimes.c.measure.cores import core_of
from autotiny.yaml_text import read_yaml

_TABLES = Path(__file__).parent
#: A core that was not measured is taken for the one most like it, and is so much less sure.
_STAND_INS = {"xtensa": "rv32imc", "riscv": "rv32imc", "cortex-m": "cortex-m33", "avr": "rv32imc"}
_STAND_IN_ERROR = 0.3
_ANY = "cortex-m4"


@dataclass(frozen=True)
class Costs:
    """What C code takes on a core.

    Attributes:
        code_bytes: Instructions and their literals.
        stack_bytes: Deepest stack: the most that any measured program took with functions of
            these forms.
        instructions: Of an inference; None where no emulator counts them.
        code_error: Relative error of the code, that 95 % of programs kept.
        instructions_error: Likewise.
        stack_error: Likewise, of what a stack is deeper than that.
        origin: ``predicted`` from measurements of this core, or ``estimated`` from another's.
    """

    code_bytes: int
    stack_bytes: int
    instructions: int | None
    code_error: float
    instructions_error: float | None
    stack_error: float
    origin: Origin


def predict_costs(
    groups: Sequence[Group], core: str, optimise: Optimise = "size", *, any_values: bool = False
) -> Costs:
    """Return what the functions of a program take on a core."""
    table, known = table_of(core)
    more = 0.0 if known else _STAND_IN_ERROR
    instructions = error = None
    if "instructions" in table:
        instructions = max(0, round(_applied(table["instructions"], work_features(groups))))
        error = float(table["instructions_error"]) + more
    return Costs(
        code_bytes=max(0, round(_applied(table["code"], code_features(groups)))),
        stack_bytes=_stack(table, groups),
        instructions=instructions,
        code_error=float(table["code_error"]) + more,
        instructions_error=error,
        stack_error=float(table.get("stack_error", 0.0)) + more,
        origin="predicted" if known else "estimated",
    )


def step_instructions(groups: Sequence[Group], core: str) -> dict[int, int] | None:
    """Return the instructions of each step whose kernel was measured, by its place.

    What is missing of all is around the steps. None where no emulator counts instructions.
    """
    factors = table_of(core)[0].get("instructions")
    if factors is None:
        return None
    measured = {name.split(" ")[0] for name in factors}
    found = {  # a fit may make what is hardly anything less than nothing
        place: max(0.0, _applied(factors, step_work_features(group, step)))
        for group in groups
        for place, step in group.steps
        if group.kernel in measured
    }
    total, every = max(0.0, _applied(factors, work_features(groups))), sum(found.values())
    scale = min(1.0, total / every) if every else 1.0
    return {place: int(amount * scale) for place, amount in found.items()}


@cache
def table_of(core: str) -> tuple[Mapping[str, Any], bool]:
    """Return the table of a core, and whether it is its own."""
    found = core_of(core)
    if found is not None and (path := _TABLES / f"{found.name}.yaml").exists():
        return read_yaml(path), True
    return read_yaml(_TABLES / f"{stand_in(core)}.yaml"), False


def stand_in(core: str) -> str:
    """Return the measured core that one which was not is taken for."""
    name = core.lower()
    return next((other for start, other in _STAND_INS.items() if name.startswith(start)), _ANY)


def _stack(table: Mapping[str, Any], groups: Sequence[Group]) -> int:
    """Return the deepest stack; where no form is known, that of all measured programs."""
    deepest = int(table.get("stack", 0)) or _deepest_of_all()
    known: Mapping[str, int] = table.get("stacks", {})
    return max((int(known.get(form, deepest)) for form in stack_forms(groups)), default=deepest)


@cache
def _deepest_of_all() -> int:
    tables = (read_yaml(path) for path in _TABLES.glob("*.yaml"))
    return max(int(table.get("stack", 0)) for table in tables)


def _applied(factors: Mapping[str, float], features: Features) -> float:
    return sum(float(factors.get(name, 0.0)) * amount for name, amount in features.items())
