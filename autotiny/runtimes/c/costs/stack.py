"""How deep the stack gets: a bound of what programs took whose functions had the same forms."""

from collections.abc import Mapping, Sequence
from typing import Any

from autotiny.runtimes.c.costs.features import PROGRAM
from autotiny.runtimes.c.costs.forms import Features, forms_of, loops_of
from autotiny.runtimes.c.groups import Group


def stack_features(groups: Sequence[Group]) -> Features:
    """Return what the deepest stack depends on: forms of functions, alone and all together."""
    found: dict[str, float] = {PROGRAM: 1}
    for group in groups:
        kernel, forms = group.kernel, forms_of(group)
        names = [kernel, *(f"{kernel} {form}" for form in forms)]
        if kernel == "weighted":
            forms = [group.encoding, *loops_of(group)]
        names.append(f"{kernel} {'+'.join(forms)}")
        found |= dict.fromkeys(names, 1)
        if group.shared:
            fields = f"{kernel} fields"
            found[fields] = max(found.get(fields, 0), len(group.fields))
    return found


def deepest_stack(table: Mapping[str, Any], groups: Sequence[Group]) -> tuple[int, bool]:
    """Return a bound of the stack in bytes, and whether every kernel is known.

    To what factors make of the forms comes a margin that held-out programs needed; the sum is at
    most what the deepest of all programs took, which a kernel that is not known counts as.

    Args:
        table: Of a core and what code is compiled for.
        groups: The program's functions; none stands for any program.
    """
    known: Mapping[str, float] = table["stacks"]
    deepest = int(table["stack"])
    features = stack_features(groups)
    every = all(name in known for name in features if " " not in name)
    if not groups or not every:
        return deepest, every
    found = sum(float(known.get(name, 0)) * amount for name, amount in features.items())
    return min(deepest, round(max(0, found)) + int(table["stack_margin"])), True
