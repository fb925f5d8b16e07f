"""The figures of a model's C code, each with its origin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autotiny.runtimes.c.codegen import Source, Stack
from autotiny.runtimes.c.costs.predict import predict_costs, stand_in
from autotiny.runtimes.c.groups import groups_of
from autotiny.runtimes.c.measure.compiler import EXTRA
from autotiny.runtimes.c.measure.cores import core_of

#: Of the constants: a linker may leave a structure out that was built into its only caller, or
#: align otherwise (benchmarks/measure_engine.py: 275 of 320 programs exact, 317 within this).
CONSTANTS_ERROR = 0.01
#: Figures that are known only where code is compiled and run.
MEASURED = ("code_bytes", "flash_bytes", "stack_bytes", "ram_bytes", "instructions")


def origins_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return how each figure that is known came to be, all of them measured so far."""
    return {name: "measured" for name in MEASURED if facts[name] is not None}


def predicted(source: Source, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was not measured, as it is predicted, with origins and errors of all figures.

    Args:
        source: The code.
        facts: What was measured of it; figures that were not are None.
    """
    core, optimise = facts["core"], facts["optimise"]
    costs = predict_costs(groups_of(source.program), core, optimise)
    origins, errors = dict(facts["origins"]), dict(facts["errors"])
    figures: dict[str, Any] = {}
    guesses = {
        "code_bytes": (costs.code_bytes, costs.code_error),
        "stack_bytes": (costs.stack_bytes, costs.stack_error),
        "instructions": (costs.instructions, costs.instructions_error),
    }
    for name, (value, error) in guesses.items():
        if facts[name] is None and value is not None:
            figures[name], origins[name], errors[name] = value, costs.origin, error
    if "code_bytes" in figures:
        figures["flash_bytes"] = facts["constant_bytes"] + figures["code_bytes"]
        origins["flash_bytes"] = costs.origin
        errors["constant_bytes"] = CONSTANTS_ERROR
    if "stack_bytes" in figures:
        figures["ram_bytes"] = source.plan.size + figures["stack_bytes"]
        origins["ram_bytes"] = costs.origin
    return {**figures, "origins": origins, "errors": errors}


def stack_of(facts: Mapping[str, Any]) -> Stack:
    """Return the deepest stack as it is known: measured, or predicted."""
    core, made = facts["core"], f"--optimise {facts['optimise']}"
    origin = facts["origins"]["stack_bytes"]
    if origin == "measured":
        made = f"compiled by {facts['compiler']}, {made}"
        return Stack(facts["stack_bytes"], f"measured on a {core}, {made}")
    return Stack(facts["stack_bytes"], f"{origin} for a {core}, {made}")


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
    constants, code = f"{facts['constant_bytes']:,} B of constants", facts["code_bytes"]
    if facts["origins"]["flash_bytes"] == "measured":
        return (
            f"flash: {facts['flash_bytes']:,} B (measured: {code:,} B of code, {constants}; "
            f"{core}, {made}, {facts['compiler']})"
        )
    return (
        f"flash: {facts['flash_bytes']:,} B ({_how(facts, 'flash_bytes')}: {code:,} B of code"
        f"{_within(facts, 'code_bytes')}, {constants}{_within(facts, 'constant_bytes')}; "
        f"{_as_if(facts)}, {made})"
    )


def _ram(facts: Mapping[str, Any]) -> str:
    activations = f"{facts['work_bytes']:,} B"
    stack = f"{facts['stack_bytes']:,} B of stack"
    if facts["origins"]["ram_bytes"] == "measured":
        return f"RAM: {facts['ram_bytes']:,} B (measured: {activations} of activations, {stack})"
    return (
        f"RAM: {facts['ram_bytes']:,} B ({activations} of activations, exact; {stack}, "
        f"{_how(facts, 'ram_bytes')}; {_as_if(facts)})"
    )


def _work(facts: Mapping[str, Any]) -> list[str]:
    count = facts["instructions"]
    if count is None:
        return []
    how = f"counted on an emulated {facts['core']}"
    if facts["origins"]["instructions"] != "measured":
        within = _within(facts, "instructions")
        origin = facts["origins"]["instructions"]
        how = f"{origin}{within}, not counted; {_as_if(facts)}"
    return [f"{count:,} instructions an inference ({how}), {facts['macs']:,} multiply-accumulates"]


def _how(facts: Mapping[str, Any], name: str) -> str:
    """Return how a figure came to be that was not measured, and what would measure it."""
    text = f"{facts['origins'][name]}, not measured"
    return f"{text}: pip install '{EXTRA}'" if _compiles(facts) else text


def _within(facts: Mapping[str, Any], name: str) -> str:
    error = facts["errors"].get(name)
    return "" if error is None else f" within {error:.0%}"


def _as_if(facts: Mapping[str, Any]) -> str:
    """Return the core, and which one stands in for it where nothing here compiles for it."""
    core = facts["core"]
    if _compiles(facts):
        return str(core)
    return f"{core} taken for {stand_in(core)}, the most similar that was measured"


def _compiles(facts: Mapping[str, Any]) -> bool:
    return core_of(facts["core"]) is not None


def _stored(encodings: Sequence[str]) -> str:
    """Return how many layers have which encoding; empty if all are dense."""
    counts = Counter(encodings)
    if set(counts) <= {"int8"}:
        return ""
    return ", ".join(f"{name} in {count} of {len(encodings)}" for name, count in counts.items())
