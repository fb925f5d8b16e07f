"""What code size and instructions depend on: counts of a program, by name.

The tables in this folder have a factor for each of these names and each core; a script measures
programs and fits the factors (``benchmarks/measure_engine.py``).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from autotiny.runtimes.c.groups import Group
from autotiny.runtimes.c.program import Step

Features = Mapping[str, float]


def code_features(groups: Sequence[Group]) -> Features:
    """Return what the bytes of code depend on."""
    found: Counter[str] = Counter({"program": 1})
    for group in groups:
        kernel = group.kernel
        found[kernel] += 1
        found[f"{kernel} steps"] += len(group.steps)
        found[f"{kernel} fields"] += len(group.fields)
        if group.shared:
            found[f"{kernel} shared"] += 1
        found.update(f"{kernel} {bits}" for bits in _bits(group))
        if kernel == "weighted":
            found.update(_weighted_forms(group))
        if kernel in ("copy", "pad"):  # a library's function, once
            found["moves"] = 1
        if kernel == "average_pool" and _divides(group):  # a library's function, on some cores
            found["divides"] = 1
        if kernel.endswith("_pool") and group.constants.get("pads") != 0:
            found[f"{kernel} pads"] += 1
        if kernel in ("add", "multiply") and _spreads(group):
            found[f"{kernel} spread"] += 1
    found["kernels"] = len({group.kernel for group in groups})
    return found


def _weighted_forms(group: Group) -> Counter[str]:
    """Return what of the kernel is there, with which fields, and how they meet an encoding."""
    constants, loops = group.constants, _loop_forms(group)
    flags = {
        group.encoding: True,
        "groups": constants.get("per_group") != constants.get("filters", -1),
        "window": constants.get("window_h") != 1 or constants.get("window_w") != 1,
        "plane": constants.get("out_h") != 1 or constants.get("out_w") != 1,
        "factors": "factor" not in group.arrays,
        "zeros": "zero" not in constants,
    }
    names = [name for name, there in flags.items() if there] + [f"form {name}" for name in loops]
    names += [f"field {name}" for name in group.fields if group.shared]
    if group.encoding != "int8":
        names += [f"{name} {group.encoding}" for name in loops]
    found = Counter({f"{group.kernel} {name}": 1 for name in names})
    if group.shared:
        found[f"{group.kernel} arrays"] = len(group.arrays)
    return found


def _divides(group: Group) -> bool:
    """Whether a mean is more than a shift: of no power of two, or of a count that varies."""
    values = group.constants.get("values", 3)
    return group.constants.get("pads") != 0 or values & (values - 1) != 0


def _spreads(group: Group) -> bool:
    return any(step.numbers["period_1"] != step.numbers["period_2"] for _, step in group.steps)


def work_features(groups: Sequence[Group]) -> Features:
    """Return what the instructions of an inference depend on."""
    found: dict[str, float] = defaultdict(float, program=1)
    for group in groups:
        for _, step in group.steps:
            for name, amount in step_work_features(group, step).items():
                found[name] += amount
    return found


def step_work_features(group: Group, step: Step) -> Features:
    """Return what the instructions of one step of a group depend on."""
    found: dict[str, float] = {f"{group.kernel} calls": 1}
    for name, amount in _WORK.get(group.kernel, _elements)(group, step).items():
        found[f"{group.kernel} {name}"] = amount
        for bits in _bits(group) if " " not in name else ():
            found[f"{group.kernel} {name} {bits}"] = amount
    return found


def _weighted(group: Group, step: Step) -> Mapping[str, float]:
    """Return how often each loop of the kernel runs, alone and by what is known of its code."""
    n, encoding = step.numbers, group.encoding
    places = n["out_h"] * n["out_w"]
    rows = places * n["filters"] * n["window_h"]
    loops: dict[str, float] = {
        "outputs": places * n["filters"], "rows": rows, "taps": rows * n["window_w"],
        "macs": step.macs,
    }  # fmt: skip
    forms = [encoding, *_loop_forms(group)]
    if encoding != "int8":
        forms += [f"{form} {encoding}" for form in _loop_forms(group) if form in _WITH_ENCODING]
    work: dict[str, float] = {"places": places, **loops}
    work |= {f"{loop} {form}": count for form in forms for loop, count in loops.items()}
    if encoding == "huffman":
        work["bits"] = places * 8 * step.arrays["weights"].size
    if encoding == "pruned":
        work["kept"] = places * step.arrays["values"].size
    if encoding == "table":
        work["bits of codes"] = step.macs * n["bits"]
    return work


#: Forms whose instructions depend on how weights are stored.
_WITH_ENCODING = frozenset({"pads", "shared", "point"})


def _loop_forms(group: Group) -> list[str]:
    """Return what the compiler knows of a weighted sum's loops, or must look up or check."""
    c = group.constants
    known = {
        "pads": c.get("pads") != 0,
        "shared": group.shared,
        "point": c.get("window_h") == c.get("window_w") == 1,
        "column": c.get("window_w") == 1 and c.get("window_h") != 1,
        "one": c.get("depth") == 1,
        "ungrouped": c.get("per_group") == c.get("filters", -1),
    }
    return [name for name, there in known.items() if there]


def stack_forms(groups: Sequence[Group]) -> set[str]:
    """Return the forms of functions of which the deepest decides the stack."""
    found = set()
    for group in groups:
        forms = [group.kernel, *_bits(group)]
        if group.kernel == "weighted":
            row = group.constants.get("out_h") == group.constants.get("out_w") == 1
            forms += [group.encoding, *_loop_forms(group), *(["row"] if row else [])]
        found.add(" ".join(forms))
    return found


def _bits(group: Group) -> list[str]:
    """Return whether values take more than 8 bits, and sums more than 32."""
    there = {"wide": group.is_wide, "long": group.is_long}
    return [name for name, is_there in there.items() if is_there]


def _pool(group: Group, step: Step) -> Mapping[str, float]:
    n = step.numbers
    outputs = n["out_h"] * n["out_w"] * n["in_c"]
    divides = group.kernel == "average_pool" and _divides(group)
    return {
        "places": n["out_h"] * n["out_w"], "outputs": outputs, "rows": outputs * n["window_h"],
        "taps": outputs * n["values"], "divisions": outputs * divides,
    }  # fmt: skip


def _mean(group: Group, step: Step) -> Mapping[str, float]:
    n = step.numbers
    return {"outputs": n["outer"] * n["inner"], "taps": n["outer"] * n["inner"] * n["count"]}


def _elements(group: Group, step: Step) -> Mapping[str, float]:
    return {"outputs": step.numbers["count"]}


def _softmax(group: Group, step: Step) -> Mapping[str, float]:
    return {"rows": step.numbers["rows"], "outputs": step.numbers["rows"] * step.numbers["depth"]}


def _copy(group: Group, step: Step) -> Mapping[str, float]:
    return {"rows": step.numbers["rows"], "bytes": step.numbers["rows"] * step.numbers["row"]}


def _pad(group: Group, step: Step) -> Mapping[str, float]:
    n = step.numbers
    return {"outputs": n["count"], "rows": n["in_h"], "bytes": n["in_h"] * n["row"]}


_WORK: Mapping[str, Callable[[Group, Step], Mapping[str, float]]] = {
    "weighted": _weighted, "max_pool": _pool, "average_pool": _pool, "mean": _mean,
    "softmax": _softmax, "copy": _copy, "pad": _pad,
}  # fmt: skip
