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
        found[f"{kernel}"] += 1
        found[f"{kernel} steps"] += len(group.steps)
        found[f"{kernel} fields"] += len(group.fields)
        if group.shared:
            found[f"{kernel} shared"] += 1
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
    return found


def _weighted_forms(group: Group) -> Counter[str]:
    constants = group.constants
    flags = {
        group.encoding: group.encoding != "int8",
        "pads": constants.get("pads") != 0,
        "groups": constants.get("per_group") != constants.get("filters", -1),
        "window": constants.get("window_h") != 1 or constants.get("window_w") != 1,
        "plane": constants.get("out_h") != 1 or constants.get("out_w") != 1,
        "factors": "factor" not in group.arrays,
    }
    return Counter({f"weighted {name}": 1 for name, there in flags.items() if there})


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
        count = _WORK.get(group.kernel, _elements)
        for _, step in group.steps:
            for name, amount in count(group, step).items():
                found[f"{group.kernel} {name}"] += amount
            found[f"{group.kernel} calls"] += 1
    return found


def _weighted(group: Group, step: Step) -> Mapping[str, float]:
    n = step.numbers
    places = n["out_h"] * n["out_w"]
    outputs = places * n["filters"]
    taps = outputs * n["window_h"] * n["window_w"]
    work: dict[str, float] = {
        "places": places, "outputs": outputs, "rows": outputs * n["window_h"], "taps": taps,
        f"outputs {group.encoding}": outputs, f"taps {group.encoding}": taps,
        f"macs {group.encoding}": step.macs,
    }  # fmt: skip
    if group.shared:
        work |= {"outputs shared": outputs, "taps shared": taps, "macs shared": step.macs}
    if group.constants.get("pads") != 0:
        work |= {"taps checked": taps, "macs checked": step.macs}
    if group.encoding == "huffman":
        work["macs bits"] = places * 8 * step.arrays["weights"].size
    if group.encoding == "pruned":
        work["macs kept"] = places * step.arrays["values"].size
    return work


def _pool(group: Group, step: Step) -> Mapping[str, float]:
    n = step.numbers
    outputs = n["out_h"] * n["out_w"] * n["in_c"]
    return {
        "places": n["out_h"] * n["out_w"], "outputs": outputs, "rows": outputs * n["window_h"],
        "taps": outputs * n["values"],
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
