"""Adds what an encoding of weights costs to a table of costs: nothing else in it changes.

Only factors whose names have the encoding in them are fitted (``weighted blocks``,
``weighted.skipped_blocks``), to random programs that all have weights in it: to what they take more
than the table's other factors make of them.
"""

import numpy as np
from fit_costs import code_of, fit_code, fit_stacks, fit_work, held_out, work_of
from measured_programs import measured_programs

from autotiny.runtimes.c.costs.stack import deepest_stack

#: How many programs of each kind are measured in each mode.
COUNTS = {"networks": 50, "layers": 60}
#: Tables have factors by these names, and errors of what they make.
_PARTS = ("code", "instructions", "stacks")


def with_encoding(table, core, mode, encoding, share, folder, rounded):
    """Return the table of a core and a mode with the factors of an encoding.

    Its errors are of networks with this encoding that were left out of the fit; what the table
    states of all other programs stays as it is.

    Args:
        table: The table as it was.
        core: What the programs are compiled for.
        mode: How.
        encoding: Its name.
        share: Of the programs, to try it.
        folder: Where measurements are kept.
        rounded: Makes factors what is stored of them.
    """
    rows, parts = (
        measured_programs(core, mode, source, int(count * share), folder, encoding)
        for source, count in COUNTS.items()
    )
    table, before = without(table, encoding), table.get("added", {})
    code, stacks = table["code"], table["stacks"]
    added = {"models": len(rows), "parts": len(parts)}

    def fit(some):
        return code | fit_code(some, mode, code, encoding)

    guesses = held_out(rows, parts, fit, lambda factors, row: code_of(factors, row, mode))
    added["code_error"] = _error(f"{core} {mode} code", guesses, [row.code for row in rows])
    table["code"] = _sorted(code | rounded(fit_code(rows + parts, mode, code, encoding), words=2))
    if "instructions" in table:
        work = table["instructions"]
        guesses = held_out(rows, parts, lambda some: work | fit_work(some, work, encoding), work_of)
        added["instructions_error"] = _error(
            f"{core} {mode} instructions", guesses, [row.instructions for row in rows]
        )
        table["instructions"] = _sorted(
            work | rounded(fit_work(rows + parts, work, encoding), digits=2)
        )
    # Stacks are bounds: every program that was measured here keeps the bound of its table.
    found = fit_stacks(rows + parts, stacks, encoding)
    table["stacks"] = _sorted(stacks | rounded(found["stacks"]))
    table["stack"] = max(table["stack"], found["stack"])
    deeper = max(row.stack - deepest_stack(table, row.groups)[0] for row in rows + parts)
    if deeper > 0:
        name = f"weighted {encoding}"
        table["stacks"][name] = round(table["stacks"].get(name, 0) + deeper, 1)
    print(f"{core} {mode} stack: up to {found['stack']} B, {max(0, deeper)} B added", flush=True)
    return table | {"added": before | {encoding: added}}


def without(table, encoding):
    """Return a table without the factors of an encoding."""
    return {
        key: {name: x for name, x in part.items() if encoding not in name}
        if key in _PARTS
        else part
        for key, part in table.items()
    }


def _error(what, guesses, measured):
    errors = abs(guesses / np.array(measured) - 1)
    most = float(np.quantile(errors, 0.95))
    print(
        f"{what}: mean {errors.mean():.1%}, 95 % {most:.1%}, worst {errors.max():.1%}", flush=True
    )
    return round(most, 3)


def _sorted(factors):
    return dict(sorted(factors.items()))
