"""The figures of a model's C code, each with its origin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autotiny.runtimes.c.codegen import Source, Stack
from autotiny.runtimes.c.costs.predict import predict_costs, stand_in
from autotiny.runtimes.c.groups import groups_of
from autotiny.runtimes.c.measure.compiler import EXTRA
from autotiny.runtimes.c.measure.cores import Core, core_of

#: Figures that are known only where code is compiled and run.
MEASURED = ("code_bytes", "flash_bytes", "stack_bytes", "ram_bytes", "instructions")


def origins_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return how each figure that is known came to be, all of them measured so far."""
    return {name: "measured" for name in MEASURED if facts[name] is not None}


def estimated(source: Source, core: Core, constant_bytes: int) -> dict[str, Any]:
    """Return the figures of small code for a core that nothing here compiles for.

    Args:
        source: Code that is generated for size.
        core: The core; the most similar one that was measured stands in for it.
        constant_bytes: Of the code's constants.
    """
    costs = predict_costs(groups_of(source.program), core.name)
    figures: dict[str, Any] = {
        "code_bytes": costs.code_bytes, "flash_bytes": constant_bytes + costs.code_bytes,
        "stack_bytes": costs.stack_bytes, "ram_bytes": source.plan.size + costs.stack_bytes,
        "instructions": costs.instructions,
    }  # fmt: skip
    errors = {
        "code_bytes": costs.code_error, "stack_bytes": costs.stack_error,
        "instructions": costs.instructions_error,
    }  # fmt: skip
    return {**figures, "origins": dict.fromkeys(figures, "estimated"), "errors": errors}


def stack_of(facts: Mapping[str, Any], source: Source) -> Stack | None:
    """Return the deepest stack as it is known: measured, or predicted of code that is small."""
    core, size = facts["core"], facts["stack_bytes"]
    if size is not None and facts["origins"]["stack_bytes"] == "measured":
        by = f"{facts['compiler']}, --optimise {facts['optimise']}"
        return Stack(size, f"measured on a {core}, compiled by {by}")
    if facts["optimise"] != "size":
        return None
    costs = predict_costs(groups_of(source.program), core)
    return Stack(costs.stack_bytes, f"{costs.origin} for a {core}, --optimise size")


def sentences(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the figures as a person reads them, each with its origin."""
    lines = [_flash(facts)]
    if stored := _stored(facts["encodings"]):
        lines.append(f"weights: {stored}")
    lines += [_ram(facts), *_work(facts)]
    if facts["proved"]:
        lines.append(
            "outputs are TensorFlow Lite Micro's, bit for bit: " + ", ".join(facts["proved"])
        )
    else:
        lines.append("outputs were not compared: there is no C compiler here; run the self-test")
    return tuple(lines)


def _flash(facts: Mapping[str, Any]) -> str:
    core, made = facts["core"], f"--optimise {facts['optimise']}"
    constants = f"{facts['constant_bytes']:,} B of constants"
    if facts["flash_bytes"] is None:
        why = f"pip install '{EXTRA}'"
        if not _compiles(facts):
            why = f"nothing here compiles for {core}, and only --optimise size is estimated"
        return f"flash: {constants} (within 1 %) and code that is not measured here: {why}"
    code = f"{facts['code_bytes']:,} B of code"
    if facts["origins"]["flash_bytes"] == "measured":
        return (
            f"flash: {facts['flash_bytes']:,} B (measured: {code}, {constants}; {core}, {made}, "
            f"{facts['compiler']})"
        )
    return (
        f"flash: {facts['flash_bytes']:,} B (estimated, not measured: {code}"
        f"{_within(facts, 'code')}, {constants}; {_as_if(facts)}, {made})"
    )


def _ram(facts: Mapping[str, Any]) -> str:
    activations = f"{facts['work_bytes']:,} B"
    if facts["ram_bytes"] is None:
        return f"RAM: {activations} (exact) and a stack that is not measured"
    stack = f"{facts['stack_bytes']:,} B of stack"
    if facts["origins"]["ram_bytes"] == "measured":
        return f"RAM: {facts['ram_bytes']:,} B (measured: {activations} of activations, {stack})"
    return (
        f"RAM: {facts['ram_bytes']:,} B ({activations} of activations, exact; {stack}, estimated, "
        f"not measured; {_as_if(facts)})"
    )


def _work(facts: Mapping[str, Any]) -> list[str]:
    count = facts["instructions"]
    if count is None:
        return []
    how = f"counted on an emulated {facts['core']}"
    if facts["origins"]["instructions"] != "measured":
        how = f"estimated, not counted{_within(facts, 'instructions')}; {_as_if(facts)}"
    return [f"{count:,} instructions an inference ({how}), {facts['macs']:,} multiply-accumulates"]


def _within(facts: Mapping[str, Any], name: str) -> str:
    error = facts["errors"].get(name if name == "instructions" else f"{name}_bytes")
    return "" if error is None else f" within {error:.0%}"


def _as_if(facts: Mapping[str, Any]) -> str:
    """Return which core stands in for one that nothing here compiles for."""
    return (
        f"{facts['core']} taken for {stand_in(facts['core'])}, the most similar that was measured"
    )


def _compiles(facts: Mapping[str, Any]) -> bool:
    return core_of(facts["core"]) is not None


def _stored(encodings: Sequence[str]) -> str:
    """Return how many layers have which encoding; empty if all are dense."""
    counts = Counter(encodings)
    if set(counts) <= {"int8"}:
        return ""
    return ", ".join(f"{name} in {count} of {len(encodings)}" for name, count in counts.items())
