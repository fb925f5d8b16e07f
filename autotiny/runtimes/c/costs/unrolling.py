"""How often a compiler that makes fast code writes out loops whose number of turns it knows.

As clang 22 does it at -O2: a loop is written out as a whole where that is little code, an outer
one with it; else as many turns together as divide all of them and are little code.
"""

from collections.abc import Callable, Mapping

from autotiny.runtimes.c.groups import Group

#: Copies of a loop's body that are little code, by how much is in it.
_SMALL, _MIDDLE, _LARGE = 28, 16, 6
#: Of a mean: copies where the loop goes as a whole, turns together, and loops around it.
_MEAN_WHOLE, _MEAN_TURNS, _MEAN_OUTER = 45, 36, 8


def unrolled(group: Group) -> Mapping[str, int]:
    """Return the copies of loops in a function that is compiled to be fast, besides the first."""
    find = _OF_KERNELS.get(group.kernel)
    if find is None or group.steps[0][1].cold:
        return {}
    found = find(group.constants)
    return {name: copies - 1 for name, copies in found.items() if copies > 1}


def _turns(count: int | None, most: int) -> int:
    """Return how many turns are together in the code: a divisor of all, 1 if they are unknown."""
    if count is None:
        return 1
    return max((n for n in range(1, min(count, most) + 1) if count % n == 0), default=1)


def _whole(loops: list[int | None], most: int) -> int:
    """Return the copies of loops within one another, the innermost first."""
    copies = 1
    for count in loops:
        if count is None:
            return copies
        if copies * count > most:
            return copies * _turns(count, most // copies)
        copies *= count
    return copies


def _table(c: Mapping[str, int]) -> Mapping[str, int]:
    return {"unrolled": _turns(c.get("count"), _SMALL)}


def _values(c: Mapping[str, int]) -> Mapping[str, int]:
    return {"unrolled": _turns(c.get("count"), _LARGE)}


def _mean(c: Mapping[str, int]) -> Mapping[str, int]:
    count, inner, outer = c.get("count"), c.get("inner"), c.get("outer")
    if count is None or count <= _MEAN_WHOLE:
        return {"unrolled": _whole([count, inner, outer], _MEAN_WHOLE)}
    around = inner if inner is not None and inner <= _MEAN_OUTER else 1
    return {"unrolled": around * _turns(count, _MEAN_TURNS)}


def _weighted(c: Mapping[str, int]) -> Mapping[str, int]:
    loops = [c.get("depth"), c.get("window_w"), c.get("window_h")]
    return {"unrolled": _whole(loops, _LARGE + 4)}


def _row(c: Mapping[str, int]) -> Mapping[str, int]:
    size, filters = c.get("size"), c.get("filters")
    single = 1 if filters is None else filters % 4
    return {
        "unrolled": _turns(None if size is None else size // 4, _LARGE),
        "unrolled_rest": 1 + (0 if size is None else size % 4),
        "unrolled_single": 1 + single * _turns(size, _MIDDLE),
        "unrolled_units": min(3, 0 if filters is None else filters // 4),
    }


def _patches(c: Mapping[str, int]) -> Mapping[str, int]:
    filters = c.get("filters")
    return {
        "unrolled_rows": _whole([c.get("window_h")], _LARGE),
        "unrolled_pairs": _whole([None if filters is None else filters // 2], 3),
        "unrolled_fours": _turns(None if c.get("size") is None else c["size"] // 16, 4),
    }


def _depthwise(c: Mapping[str, int]) -> Mapping[str, int]:
    width = c.get("out_w")
    return {
        "unrolled": _turns(c.get("in_w"), _MIDDLE),
        "unrolled_pairs": _turns(None if width is None else width // 2, 3),
        "unrolled_rows": _whole([c.get("out_h")], 4),
    }


def _pool(c: Mapping[str, int]) -> Mapping[str, int]:
    if c.get("pads") != 0:
        return {}
    return {"unrolled": _whole([c.get("window_w"), c.get("window_h")], _MIDDLE)}


_OF_KERNELS: Mapping[str, Callable[[Mapping[str, int]], Mapping[str, int]]] = {
    "table": _table, "clamp": _values, "requantize": _values, "add": _values, "multiply": _values,
    "prelu": _values, "mean": _mean, "weighted": _weighted, "row": _row, "patches": _patches,
    "depthwise_3x3": _depthwise, "max_pool": _pool, "average_pool": _pool,
}  # fmt: skip
