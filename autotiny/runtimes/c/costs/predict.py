"""Predicts code, stack and instructions of a program on a core, from tables of measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from autotiny.runtimes._base import Optimise, Origin
from autotiny.runtimes.c.costs.features import code_features
from autotiny.runtimes.c.costs.forms import Features
from autotiny.runtimes.c.costs.stack import deepest_stack
from autotiny.runtimes.c.costs.work import step_work_features, work_features
from autotiny.runtimes.c.groups import Group
from autotiny.runtimes.c.measure.cores import core_of
from autotiny.yaml_text import read_yaml

_TABLES = Path(__file__).parent
#: A core that was not measured is taken for the one most like it, and is so much less sure.
_STAND_INS = {"xtensa": "rv32imc", "riscv": "rv32imc", "cortex-m": "cortex-m33", "avr": "rv32imc"}
_STAND_IN_ERROR = 0.3
_ANY = "cortex-m4"
#: How much less sure a figure is with a function that no program of the table had, for which the
#: mean of all counts, and with a form of one.
_NEW_FUNCTION_ERROR, _NEW_FORM_ERROR = 0.3, 0.1


@dataclass(frozen=True)
class Costs:
    """What C code takes on a core.

    Attributes:
        code_bytes: Instructions and their literals.
        stack_bytes: Deepest stack: a bound that nearly all measured programs kept.
        instructions: Of an inference; None where no emulator counts them.
        code_error: Relative error of the code, that 95 % of programs kept which were not fitted to,
            and every one of the files that are named in ``docs/engine.md``.
        instructions_error: Likewise.
        stack_error: By how much the few are deeper, on average, whose stack is deeper.
        origin: ``predicted`` from measurements of this core, or ``estimated``: from another's, or
            with functions that were not among them.
    """

    code_bytes: int
    stack_bytes: int
    instructions: int | None
    code_error: float
    instructions_error: float | None
    stack_error: float
    origin: Origin


def predict_costs(groups: Sequence[Group], core: str, optimise: Optimise = "size") -> Costs:
    """Return what the functions of a program take on a core.

    Args:
        groups: Its functions, in the form that is compiled.
        core: What it runs on.
        optimise: What it is compiled for: ``balanced`` and ``speed`` are one to the compiler.
    """
    table, known = table_of(core, optimise)
    features = code_features(groups, fast=optimise != "size")
    code = _applied(table["code"], features, table["code_mean"])
    stack, every = deepest_stack(table, groups)
    new = _new(table["code"], features)
    more = new + (0.0 if known else _STAND_IN_ERROR)
    instructions = error = None
    if "instructions" in table:
        work = work_features(groups)
        instructions = max(
            0, round(_applied(table["instructions"], work, table["instructions_mean"]))
        )
        error = _error(table, groups, "instructions_error") + more
    return Costs(
        code_bytes=max(0, round(code)),
        stack_bytes=stack,
        instructions=instructions,
        code_error=_error(table, groups, "code_error") + more,
        instructions_error=error,
        stack_error=float(table["stack_error"]) + more,
        origin="predicted" if known and every and not new else "estimated",
    )


def _error(table: Mapping[str, Any], groups: Sequence[Group], name: str) -> float:
    """Return the error of a table, or of the encodings that were added to it, if that is worse."""
    used = {group.encoding for group in groups}
    added = [part[name] for encoding, part in table.get("added", {}).items() if encoding in used]
    return max(map(float, [table[name], *added]))


def step_instructions(
    groups: Sequence[Group], core: str, optimise: Optimise = "size"
) -> dict[int, int] | None:
    """Return the instructions of each step whose kernel was measured, by its place.

    What is missing of all is around the steps. None where no emulator counts instructions.
    """
    table = table_of(core, optimise)[0]
    factors = table.get("instructions")
    if factors is None:
        return None
    measured, mean = {name.split(".")[0] for name in factors}, table["instructions_mean"]
    found = {  # a fit may make what is hardly anything less than nothing
        place: max(0.0, _applied(factors, step_work_features(group, step), mean))
        for group in groups
        for place, step in group.steps
        if group.kernel in measured
    }
    total, every = max(0.0, _applied(factors, work_features(groups), mean)), sum(found.values())
    scale = min(1.0, total / every) if every else 1.0
    return {place: int(amount * scale) for place, amount in found.items()}


def table_of(core: str, optimise: Optimise = "size") -> tuple[Mapping[str, Any], bool]:
    """Return the table of a core for code that is small or fast, and whether it is its own."""
    table, known = _tables_of(core)
    return table["size" if optimise == "size" else "fast"], known


@cache
def _tables_of(core: str) -> tuple[Mapping[str, Any], bool]:
    found = core_of(core)
    if found is not None and (path := _TABLES / f"{found.name}.yaml").exists():
        return read_yaml(path), True
    return read_yaml(_TABLES / f"{stand_in(core)}.yaml"), False


def stand_in(core: str) -> str:
    """Return the measured core that one which was not is taken for."""
    name = core.lower()
    return next((other for start, other in _STAND_INS.items() if name.startswith(start)), _ANY)


def _applied(factors: Mapping[str, float], features: Features, mean: float) -> float:
    """Return what factors make of features.

    A function or a loop without one counts as the mean of those that have; forms have none where
    they change next to nothing.
    """
    every = {name: mean for name in features if " " not in name} | dict(factors)
    return sum(float(every.get(name, 0.0)) * amount for name, amount in features.items())


def _new(factors: Mapping[str, float], features: Features) -> float:
    """Return how much less sure a figure is by what no measured program had."""
    new = [name for name, amount in features.items() if amount and name not in factors]
    if any(" " not in name for name in new):
        return _NEW_FUNCTION_ERROR
    return _NEW_FORM_ERROR if any(name.count(" ") == 1 for name in new) else 0.0
