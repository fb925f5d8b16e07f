"""The forms of weighted sums that are fast, where code may be larger."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from autotiny.runtimes.c.order import in_best_order
from autotiny.runtimes.c.program import Program, Step, window_starts

#: Shares of all work: less is done by small code, more is worth a function of its own.
_LITTLE, _MUCH = 0.002, 0.03
#: So few functions of their own take less than one that all share.
_FEW = 2
#: Bytes that reading four values at once may read behind a border.
_BEHIND = 3
#: Values that are multiplied together.
_FOUR = 4
#: Bytes that are skipped at most so that registers lie where they are loaded by two.
_ALIGNMENT = 3


def for_speed(program: Program, *, own: bool) -> Program:
    """Return the program with every weighted sum in the fastest form that it has.

    Args:
        program: Steps whose weights are decoded keep their kernel; dense ones get another.
        own: A function of its own for every step that is much of the work; where a form has few
            steps, each has one anyway: without what others need it is smaller.
    """
    total = max(1.0, sum(map(_work, program.steps)))
    shares = [_work(step) / total for step in program.steps]
    faster = [
        _faster(step) if share > _LITTLE else replace(step, cold=True)
        for step, share in zip(program.steps, shares, strict=True)
    ]
    users = Counter((step.kernel, step.variant) for step in faster if not step.cold)
    few = {form for form, count in users.items() if count <= _FEW}
    steps = [
        replace(step, own=(own and share > _MUCH) or (step.kernel, step.variant) in few)
        if not step.cold and step.kernel != "row"  # which gains nothing by it
        else step
        for step, share in zip(faster, shares, strict=True)
    ]
    return in_best_order(replace(program, steps=tuple(steps)))  # these forms overlap otherwise


def _work(step: Step) -> float:
    """Return about how many instructions a step takes in plain C."""
    if step.macs:
        return step.macs * (5 + 20 / step.numbers["depth"])
    return 20 * step.numbers.get("count", 0)


def _faster(step: Step) -> Step:
    if step.kernel != "weighted" or step.variant or step.widths != (1, 1):
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
    size = -(-_size(step) // _FOUR) * _FOUR
    keys = (
        "in_h", "in_w", "in_c", "out_w", "window_h", "window_w", "depth", "stride_h", "stride_w",
        "dilation_h", "dilation_w", "before_h", "before_w", "zero", "pads",
    )  # fmt: skip
    numbers = {**_common(step), **{key: n[key] for key in keys}}
    whole = n["depth"] % _FOUR == 0
    numbers |= {"size": size, "places": n["out_h"] * n["out_w"], "whole": int(whole)}
    # Four values of two windows take 16 bytes; windows that are no runs of fours are put together
    # as bytes first, and whatever lies behind them is multiplied by nothing.
    weights = np.zeros((n["filters"], size), np.int8)
    weights[:, : _size(step)] = step.arrays["weights"].reshape(n["filters"], -1)
    return replace(
        step,
        kernel="patches",
        variant="whole" if whole else "",
        numbers=numbers,
        arrays={**step.arrays, "weights": weights},
        margins=(_pair_margin(n),),
        scratch=size // _FOUR * 16 + (0 if whole else size) + _ALIGNMENT,
    )


def _pair_margin(n: Mapping[str, int]) -> int:
    """Return the margin of two places at a time: both are gathered before a value is written."""
    first = window_starts(n).ravel()
    later = np.minimum.accumulate(first[::-1])[::-1]
    behind = np.arange(2, len(first), 2)
    return int((later[behind] - behind * n["filters"]).min(initial=1 << 30))


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
        variant="beside" if n["stride_w"] == 1 else "",
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
