"""What the instructions of an inference depend on: how often each loop runs, by name."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autotiny.runtimes.c.costs.forms import Features, bits_of, divides, forms_of, loops_of
from autotiny.runtimes.c.groups import Group
from autotiny.runtimes.c.program import Step

_Loops = Mapping[str, float]

#: Forms whose instructions depend on how weights are stored.
_WITH_ENCODING = frozenset({"pads", "shared", "point", "one"})


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
    found: dict[str, float] = {f"{group.kernel}.calls": 1}
    forms = _forms(group)
    for name, amount in _WORK.get(group.kernel, _elements)(group, step).items():
        if amount:
            loop = f"{group.kernel}.{name}"
            found |= {loop: amount} | {f"{loop} {form}": amount for form in forms}
    return found


def _forms(group: Group) -> list[str]:
    """Return what is known of a function's loops; each form alone, and some by encoding."""
    if group.kernel != "weighted":
        return forms_of(group)
    loops, encoding = loops_of(group), group.encoding
    forms = [*bits_of(group), encoding, *loops]
    if encoding != "int8":
        forms += [f"{form} {encoding}" for form in loops if form in _WITH_ENCODING]
    if {"pads", "one"} <= set(loops):
        forms.append("pads one")
    if {"shared", "one"} <= set(loops):
        forms.append("shared one")
    return forms


def _weighted(group: Group, step: Step) -> _Loops:
    n, encoding = step.numbers, group.encoding
    places = n["out_h"] * n["out_w"]
    rows = places * n["filters"] * n["window_h"]
    work: dict[str, float] = {
        "places": places, "outputs": places * n["filters"], "rows": rows,
        "taps": rows * n["window_w"],
    }  # fmt: skip
    if encoding == "blocks":
        return {**work, **_blocks(step)}
    work["macs"] = step.macs
    if encoding == "huffman":
        work["bits"] = places * 8 * step.arrays["weights"].size
    if encoding == "pruned":
        work["kept"] = places * step.arrays["values"].size
    if encoding == "table":
        work["bits_of_codes"] = step.macs * n["bits"]
    return work


def _blocks(step: Step) -> _Loops:
    """Blocks of four are met again in each run of inputs that they reach into."""
    n = step.numbers
    places = n["out_h"] * n["out_w"]
    weights = n["filters"] * n["window_h"] * n["window_w"] * n["depth"]
    starts = np.union1d(np.arange(0, weights, 4), np.arange(0, weights, n["depth"]))
    there = np.unpackbits(np.asarray(step.arrays["weights"], np.uint8), bitorder="little")
    return {
        "blocks": places * len(starts),
        "skipped_blocks": places * int((there[starts // 4] == 0).sum()),
        "products_of_blocks": places * step.arrays["values"].size,
    }


def _patches(group: Group, step: Step) -> _Loops:
    """Two places and two filters are done at a time; what is odd by itself."""
    n = step.numbers
    places, filters, size = n["places"], n["filters"], n["size"]
    tall, odd_places = divmod(places, 2)
    pairs, odd = divmod(filters, 2)
    fours = size // 4
    rows = places * n["window_h"]
    bytes_of = rows * n["window_w"] * n["depth"]
    return {
        "places": places, "rows": rows, "taps": rows * n["window_w"], "gathered": bytes_of,
        "tiles": tall * pairs, "tiles_of_two": tall * odd + odd_places * pairs,
        "tiles_of_one": odd_places * odd, "fours": tall * pairs * fours,
        "fours_of_two": (tall * odd + odd_places * pairs) * fours,
        "fours_of_one": odd_places * odd * fours, "filters": (tall + odd_places) * filters,
        "sixteens": (tall * pairs + tall * odd * 2 + odd_places * filters) * -(-size // 16),
    }  # fmt: skip


def _row(group: Group, step: Step) -> _Loops:
    n = step.numbers
    fours, rest = divmod(n["filters"], 4)
    size = n["size"]
    return {
        "units": fours, "outputs": n["filters"], "products": fours * (size // 4),
        "rests": fours * (size % 4), "macs": fours * 4 * size, "single": rest * size,
        "sixteens": (fours + rest) * -(-size // 16),
    }  # fmt: skip


def _depthwise(group: Group, step: Step) -> _Loops:
    n = step.numbers
    channels = n["in_c"]
    rows, out_rows = channels * n["in_h"], channels * n["out_h"]
    return {
        "channels": channels, "in_rows": rows, "inputs": rows * n["in_w"], "rows": out_rows,
        "pairs": out_rows * (n["out_w"] // 2), "rests": out_rows * (n["out_w"] % 2),
        "outputs": out_rows * n["out_w"], "plane": n["plane"],
        "in_fours": rows * -(-n["in_w"] // 4), "fours": out_rows * -(-n["out_w"] // 4),
    }  # fmt: skip


def _pool(group: Group, step: Step) -> _Loops:
    n = step.numbers
    outputs = n["out_h"] * n["out_w"] * n["in_c"]
    divided = outputs * (group.kernel == "average_pool" and divides(group))
    rows, columns = _inside(n, "h"), _inside(n, "w")
    return {
        "places": n["out_h"] * n["out_w"], "outputs": outputs,
        "rows": rows * n["out_w"] * n["in_c"], "taps": rows * columns * n["in_c"],
        "divisions": divided,
    }  # fmt: skip


def _inside(n: Mapping[str, int], axis: str) -> int:
    """Return how many rows or columns of all windows along an axis lie inside the input."""
    starts = [
        place * n[f"stride_{axis}"] - n[f"before_{axis}"] for place in range(n[f"out_{axis}"])
    ]
    ends = [min(start + n[f"window_{axis}"], n[f"in_{axis}"]) for start in starts]
    return sum(end - max(start, 0) for start, end in zip(starts, ends, strict=True))


def _mean(group: Group, step: Step) -> _Loops:
    n = step.numbers
    return {
        "rows": n["outer"], "outputs": n["outer"] * n["inner"],
        "taps": n["outer"] * n["inner"] * n["count"],
    }  # fmt: skip


def _elements(group: Group, step: Step) -> _Loops:
    return {"outputs": step.numbers["count"]}


def _softmax(group: Group, step: Step) -> _Loops:
    return {"rows": step.numbers["rows"], "outputs": step.numbers["rows"] * step.numbers["depth"]}


def _copy(group: Group, step: Step) -> _Loops:
    return {"rows": step.numbers["rows"], "bytes": step.numbers["rows"] * step.numbers["row"]}


def _pad(group: Group, step: Step) -> _Loops:
    n = step.numbers
    return {
        "outputs": n["count"], "rows": n["in_h"], "places": n["in_h"] * n["columns"],
        "bytes": n["in_h"] * n["row"],
    }  # fmt: skip


_WORK: Mapping[str, Callable[[Group, Step], _Loops]] = {
    "weighted": _weighted, "patches": _patches, "row": _row, "depthwise_3x3": _depthwise,
    "max_pool": _pool, "average_pool": _pool, "mean": _mean, "softmax": _softmax, "copy": _copy,
    "pad": _pad,
}  # fmt: skip
