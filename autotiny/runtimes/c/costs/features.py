"""What the bytes of code depend on: counts of a program's functions, by name.

The tables in this folder have a factor for each of these names and each core; a script measures
programs and fits the factors (``benchmarks/measure_engine.py``). One word is a function of a
kernel, or what every program has; a second one is a form of it, and two are forms that meet.
"""

from collections import Counter
from collections.abc import Sequence

from autotiny.runtimes.c.costs.forms import Features, forms_of, rescales_any
from autotiny.runtimes.c.costs.unrolling import unrolled
from autotiny.runtimes.c.groups import Group
from autotiny.runtimes.c.kernels import KERNELS

#: What every program has.
PROGRAM = "program"
#: How many values a function rescales at different places of its code, where it is not one.
_RESCALED = {"add": 3, "prelu": 2, "row": 5, "depthwise_3x3": 3, "patches": 9}


def code_features(groups: Sequence[Group], *, fast: bool = False) -> Features:
    """Return what the bytes of a program's code depend on.

    Args:
        groups: Its functions.
        fast: They are compiled to be fast, not small.
    """
    found = Counter(program_features(groups))
    for group in groups:
        found.update(function_features(group, fast=fast))
    return found


def function_features(group: Group, *, fast: bool = False) -> Counter[str]:
    """Return what the bytes of a function depend on, wherever it is built in."""
    kernel, forms = group.kernel, forms_of(group)
    found = Counter({kernel: 1})
    if fast:
        found.update({f"{kernel} {name}": int(n) for name, n in unrolled(group).items()})
    found.update(f"{kernel} {form}" for form in forms)
    if group.shared:
        found[f"{kernel} fields"] = len(group.fields)
        found[f"{kernel} arrays"] = len(group.arrays)
        found.update(f"{kernel} field_{name}" for name in group.fields)
        found.update(f"{kernel} shared {form}" for form in forms if form != "shared")
    if kernel == "weighted" and group.encoding != "int8":
        found.update(f"{kernel} {group.encoding} {form}" for form in forms)
    return found


def program_features(groups: Sequence[Group]) -> Counter[str]:
    """Return what is there besides functions of kernels: calls, helpers, a library."""
    found = Counter({PROGRAM: 1, f"{PROGRAM} kernels": len({group.kernel for group in groups})})
    for group in groups:
        if len(group.steps) > 1:
            found[f"{PROGRAM} calls"] += len(group.steps)
        if KERNELS[group.kernel].shifts and not group.steps[0][1].reduced:
            name = "rescaling_any" if rescales_any(group) else "rescaling"
            found[f"{PROGRAM} {name}"] = 1
            found[f"{PROGRAM} rescalings"] += _RESCALED.get(group.kernel, 1)
        if group.kernel in ("copy", "pad", "depthwise_3x3"):
            found[f"{PROGRAM} moves"] = 1
        if "divides" in forms_of(group):
            found[f"{PROGRAM} divides"] = 1
        if group.is_long:
            found[f"{PROGRAM} long"] = 1
    return found
