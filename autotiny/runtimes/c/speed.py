"""The forms of weighted sums that are fast, where code may be larger."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from autotiny.runtimes.c.order import in_best_order
from autotiny.runtimes.c.program import Program, Step, window_starts

#: Bytes that reading four values at once may read behind a border.
_BEHIND = 3


def for_speed(program: Program) -> Program:
    """Return the program with every weighted sum in the fastest form that it has."""
    faster = replace(program, steps=tuple(_faster(step) for step in program.steps))
    return in_best_order(faster)  # these forms overlap otherwise


def _faster(step: Step) -> Step:
    if step.kernel != "weighted" or step.variant:
        return step
    n = step.numbers
    if n["per_group"] == n["filters"]:
        return _row(step) if n["out_h"] * n["out_w"] == 1 and _direct(n) else _patches(step)
    plain = (n["window_h"], n["window_w"], n["dilation_h"], n["dilation_w"]) == (3, 3, 1, 1)
    if plain and n["depth"] == 1 and n["filters"] == n["in_c"]:
        return _plane(step)
    return step


def _direct(n: Mapping[str, int]) -> bool:
    """Whether each window is a run of the input, one behind the other."""
    whole = (n["window_h"], n["window_w"]) == (n["in_h"], n["in_w"]) and not n["pads"]
    point = (n["window_h"], n["window_w"], n["stride_h"], n["stride_w"]) == (1, 1, 1, 1)
    return (point and not n["pads"]) or (whole and n["out_h"] * n["out_w"] == 1)


def _row(step: Step) -> Step:
    numbers = {**_common(step), "size": _size(step)}
    return replace(step, kernel="row", numbers=numbers)


def _patches(step: Step) -> Step:
    n = dict(step.numbers)
    size, places, direct = _size(step), n["out_h"] * n["out_w"], _direct(n)
    keys = (
        "in_h", "in_w", "in_c", "out_w", "window_h", "window_w", "depth", "stride_h", "stride_w",
        "dilation_h", "dilation_w", "before_h", "before_w", "zero", "pads",
    )  # fmt: skip
    numbers = {**_common(step), **{key: n[key] for key in keys}}
    numbers |= {"size": size, "places": places, "direct": int(direct)}
    numbers["apart"] = n["depth"] if direct else size
    return replace(
        step,
        kernel="patches",
        numbers=numbers,
        margins=(_pair_margin(n, direct=direct),),
        scratch=0 if direct else 2 * size,
    )


def _pair_margin(n: Mapping[str, int], *, direct: bool) -> int:
    """Return the margin of two places at a time.

    A direct pair is read until its last filter is done; a gathered one is not read any more when
    the first value is written.
    """
    first = window_starts(n).ravel()
    later = np.minimum.accumulate(first[::-1])[::-1]
    places = len(first)
    margin = 1 << 30
    for place in range(0, places, 2):
        behind = min(place + 2, places)
        if direct:
            needed = int(later[place])
        elif behind < places:
            needed = int(later[behind])
        else:
            continue
        margin = min(margin, needed - behind * n["filters"])
    return margin


def _plane(step: Step) -> Step:
    n = step.numbers
    keys = ("in_h", "in_w", "in_c", "out_h", "out_w", "stride_h", "stride_w", "before_h",
            "before_w", "zero")  # fmt: skip
    high = max(n["before_h"] + n["in_h"], (n["out_h"] - 1) * n["stride_h"] + 3)
    wide = max(n["before_w"] + n["in_w"], (n["out_w"] - 1) * n["stride_w"] + 3)
    numbers = {**_common(step), **{key: n[key] for key in keys}}
    del numbers["filters"]
    numbers |= {"wide": wide, "plane": high * wide}
    same = (n["out_h"], n["out_w"]) == (n["in_h"], n["in_w"])
    return replace(
        step,
        kernel="depthwise_3x3",
        numbers=numbers,
        margins=(None,),
        scratch=high * wide + _BEHIND,
        in_place=same,
    )


def _common(step: Step) -> dict[str, int]:
    return {key: step.numbers[key] for key in ("filters", "out_zero", "low", "high")}


def _size(step: Step) -> int:
    n = step.numbers
    return n["window_h"] * n["window_w"] * n["depth"]
