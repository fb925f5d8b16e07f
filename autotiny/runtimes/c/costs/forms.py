"""What a compiler knows of a function, and what it must look up or check."""

from collections.abc import Callable, Mapping

from autotiny.runtimes.c.groups import Group
from autotiny.runtimes.c.kernels import KERNELS

Features = Mapping[str, float]

#: Least and largest value of an int8 output: cutting off there may be one instruction.
_WHOLE = (-128, 127)
#: Loops of so few windows are written out by a compiler that makes fast code.
_FEW_VALUES = 9
#: Sums of so many products are added up four times four at a time.
_LONG_ROW = 32


def forms_of(group: Group) -> list[str]:
    """Return the forms of a function that its code and work depend on, by name."""
    flags = {"shared": group.shared, **_any(group), **_own_forms(group)}
    return [*bits_of(group), *_there(flags)]


def bits_of(group: Group) -> list[str]:
    """Return whether values take more than 8 bits, and sums more than 32."""
    return _there({"wide": group.is_wide, "long": group.is_long})


def loops_of(group: Group) -> list[str]:
    """Return what is known of the loops of a weighted sum."""
    return _there({"shared": group.shared, **_loops(group)})


def _loops(group: Group) -> Mapping[str, bool]:
    c = group.constants
    return {
        "pads": c.get("pads") != 0,
        "point": c.get("window_h") == c.get("window_w") == 1,
        "column": c.get("window_w") == 1 and c.get("window_h") != 1,
        "line": c.get("window_h") == 1 and c.get("window_w") != 1,
        "row": c.get("out_h") == c.get("out_w") == 1,
        "one": c.get("depth") == 1,
        "ungrouped": c.get("per_group") == c.get("filters", -1),
        "whole_blocks": group.whole_blocks,
    }


def divides(group: Group) -> bool:
    """Whether a mean is more than a shift: of no power of two, or of a count that varies."""
    values = group.constants.get("values", 3)
    return group.constants.get("pads") != 0 or values & (values - 1) != 0


def rescales_any(group: Group) -> bool:
    """Whether values are rescaled by shifts to either side, which takes another helper."""
    names = [name for name in KERNELS[group.kernel].shifts if name != "terms"]
    shifts = [
        int(step.arrays[name].min()) if name in step.arrays else step.numbers[name]
        for _, step in group.steps
        for name in names
        if name in step.arrays or name in step.numbers
    ]
    return min(shifts, default=1) < 1


def _any(group: Group) -> Mapping[str, bool]:
    c, first = group.constants, group.steps[0][1]
    cuts = "low" in first.numbers
    return {
        "cold": first.cold,
        "any": bool(KERNELS[group.kernel].shifts) and rescales_any(group),
        "cut": cuts and (c.get("low"), c.get("high")) != _WHOLE,
        "cut_by_fields": cuts and not {"low", "high"} <= set(c),
    }


def _own_forms(group: Group) -> Mapping[str, bool]:
    find = _OF_KERNELS.get(group.kernel)
    return find(group) if find is not None else {}


def _weighted(group: Group) -> Mapping[str, bool]:
    c = group.constants
    return {
        **_loops(group),
        group.encoding: True,
        "strides": c.get("stride_h") != 1 or c.get("stride_w") != 1,
        "dilated": c.get("dilation_h") != 1 or c.get("dilation_w") != 1,
        "factors": "factor" not in group.arrays,
        "zeros": "zero" not in c,
        "own_factor": "multiplier" not in group.arrays and "factor" not in group.arrays,
    }


def _pool(group: Group) -> Mapping[str, bool]:
    c = group.constants
    known = c.get("pads") == 0 and c.get("window_h") is not None and c.get("window_w") is not None
    return {
        "pads": c.get("pads") != 0,
        "divides": group.kernel == "average_pool" and divides(group),
        "all": c.get("out_h") == c.get("out_w") == 1,
        "column": c.get("window_w") == 1,
        "line": c.get("window_h") == 1,
        "few": known and c.get("values", _FEW_VALUES + 1) <= _FEW_VALUES,
    }


def _pair(group: Group) -> Mapping[str, bool]:
    c, first = group.constants, group.steps[0][1]

    def halved(which: str) -> bool:
        return c.get(f"multiplier_{which}") == 1 << 30 and c.get(f"shift_{which}") == 0

    def spreads(which: str) -> bool:
        return "count" not in c or c.get(f"period_{which}") != c["count"]

    return {
        "constant": "constant" in first.arrays,
        "spread": any(
            step.numbers["period_1"] != step.numbers["period_2"] for _, step in group.steps
        ),
        "spread_1": spreads("1"),
        "spread_2": spreads("2"),
        "halved": group.kernel == "add" and (halved("1") or halved("2")),
    }


def _patches(group: Group) -> Mapping[str, bool]:
    c, first = group.constants, group.steps[0][1]
    size = c.get("size")
    return {
        "whole": bool(first.numbers["whole"]),
        "pads": c.get("pads") != 0,
        "point": c.get("window_h") == c.get("window_w") == 1,
        "dilated": c.get("dilation_w") != 1,
        "one_place": c.get("places") == 1,
        "odd_places": "places" not in c or (c["places"] % 2 != 0 and c["places"] != 1),
        "odd": "filters" not in c or c["filters"] % 2 != 0,
        "long_row": size is None or size >= _LONG_ROW,
        "rest": size is None or size // 4 % (4 if size >= _LONG_ROW else 2) != 0,
        "factors": "least_shift" not in first.numbers,
        "short_rows": bool(
            not first.numbers["whole"] and c.get("window_w", 17) * c.get("depth", 17) <= 16
        ),
        "own": first.own,
    }


def _row(group: Group) -> Mapping[str, bool]:
    c = group.constants
    return {
        "rest": "size" not in c or c["size"] % 4 != 0,
        "odd": "filters" not in c or c["filters"] % 4 != 0,
        "few": c.get("filters", 4) < 4,
        "own_factor": "multiplier" not in group.arrays,
    }


def _depthwise(group: Group) -> Mapping[str, bool]:
    c, first = group.constants, group.steps[0][1]
    return {
        "beside": first.variant.startswith("beside"),
        "own_factor": "multiplier" not in group.arrays,
        "odd": "out_w" not in c or c["out_w"] % 2 != 0,
        "own": first.own,
    }


def _pad(group: Group) -> Mapping[str, bool]:
    c = group.constants
    rows = c.get("before") == 0 and "depth" in c and c["depth"] == c.get("out_c")
    return {"places": not rows}


def _mean(group: Group) -> Mapping[str, bool]:
    return {"whole": group.constants.get("outer") == 1, "one": group.constants.get("inner") == 1}


def _softmax(group: Group) -> Mapping[str, bool]:
    return {"rows": group.constants.get("rows") != 1}


_OF_KERNELS: Mapping[str, Callable[[Group], Mapping[str, bool]]] = {
    "weighted": _weighted, "max_pool": _pool, "average_pool": _pool, "add": _pair,
    "multiply": _pair, "patches": _patches, "row": _row, "depthwise_3x3": _depthwise, "pad": _pad,
    "mean": _mean, "softmax": _softmax,
}  # fmt: skip


def _there(flags: Mapping[str, bool]) -> list[str]:
    return [name for name, there in flags.items() if there]
