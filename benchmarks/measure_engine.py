"""Measure the C runtime's code, stack and instructions on every core, and fit its tables of costs.

Random networks, of autotiny's families and of any graph, parts of them and single operators, with
weights in every encoding, are compiled for each core, small and fast, and run on an emulated core;
factors for what `autotiny/runtimes/c/costs/` counts are fitted to them. Errors are of networks
that were left out of a fit, a fifth at a time, and of files, which no fit sees; both are printed,
and the worse one is stored.
Run: python benchmarks/measure_engine.py [--cores NAME …] [--files FILE …] [--write]
With ``--only ENCODING`` factors of an encoding are added to the tables as they are, of programs
that have weights in it: python benchmarks/measure_engine.py --only blocks --write
"""

import argparse
import os
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import yaml
from added_costs import with_encoding
from fit_costs import (
    code_of,
    fit_code,
    fit_stack_bound,
    fit_work,
    held_out,
    mean_function,
    mean_turn,
    work_of,
)
from measured_programs import MODES, measured_files, measured_programs

from autotiny.runtimes.c.costs.stack import deepest_stack
from autotiny.runtimes.c.encodings import ENCODINGS
from autotiny.runtimes.c.groups import constant_bytes
from autotiny.runtimes.c.measure.compiler import compiler_is_installed, compiler_version
from autotiny.runtimes.c.measure.cores import CORES

TABLES = Path(__file__).parents[1] / "autotiny" / "runtimes" / "c" / "costs"
#: How many programs of each kind are measured in each mode.
COUNTS = {
    "size": {"networks": 460, "operators": 100, "layers": 220},
    "fast": {"networks": 280, "operators": 100, "layers": 220},
}


def table_of(core, mode, counts, files, folder):
    """Return the table of a core and a mode."""
    every = {
        source: measured_programs(core, mode, source, count, folder)
        for source, count in counts.items()
    }
    rows = every["networks"]
    parts = every["operators"] + every["layers"]
    real = measured_files(core, mode, files, folder)
    # Parts of networks tell what a loop takes; their code, where little is shared, is another's.
    also = parts if mode == "fast" else []
    factors = fit_code(rows + also, mode)

    def code(factors, row):
        return code_of(factors, row, mode)

    guesses = held_out(rows, also, lambda some: fit_code(some, mode), code)
    table = {"models": len(rows), "parts": len(parts), "code": rounded(factors, words=2)}
    table["code_mean"] = round(mean_function(rows, mode), 1)
    factors = table["code"]
    error = report(
        f"{core} {mode} code", rows, guesses, real, lambda row: code(factors, row), "code"
    )
    table["code_error"] = error
    report(f"{core} {mode} flash", rows, guesses, real, lambda row: code(factors, row), "flash")
    if rows[0].instructions is not None:
        factors = fit_work(rows + parts)
        guesses = held_out(rows, parts, fit_work, work_of)
        table["instructions"] = rounded(factors, digits=2)
        table["instructions_mean"] = round(mean_turn(factors), 1)
        name = f"{core} {mode} instructions"
        table["instructions_error"] = report(
            name,
            rows,
            guesses,
            real,
            lambda row: work_of(table["instructions"], row),
            "instructions",
        )
    stacks, bounds = fit_stack_bound(rows, parts)
    stacks["stacks"] = rounded(stacks["stacks"])
    table |= stacks
    table["stack_error"] = report_stacks(f"{core} {mode} stack", rows, bounds, real, stacks)
    return table


def rounded(factors, words=1, digits=1):
    """Return factors as they are stored.

    What is not in a table is said to be unknown up to so many words of a name; of what has more,
    such as forms that meet, those are left out that change next to nothing.
    """
    least = 5 * 10**-digits
    return {
        name: round(x, digits)
        for name, x in factors.items()
        if len(name.split()) <= words or abs(x) >= least
    }


def report(what, rows, guesses, real, guess, of):
    """Print relative errors of held-out networks and of files, and return what to state."""

    def error(row, value):
        if of == "instructions":
            return value / row.instructions - 1
        if of == "code":
            return value / row.code - 1
        return (value + constant_bytes(row.groups)) / (row.code + row.constants) - 1

    errors = abs(np.array([error(row, value) for row, value in zip(rows, guesses, strict=True)]))
    most = float(np.quantile(errors, 0.95))
    told = f"mean {errors.mean():.1%}, 95 % {most:.1%}, worst {errors.max():.1%}"
    if real:
        of_files = {name: error(row, guess(row)) for name, row in real.items()}
        worst = max(of_files, key=lambda name: abs(of_files[name]))
        mean = np.mean([abs(x) for x in of_files.values()])
        told += f"; {len(real)} files: mean {mean:.1%}, worst {of_files[worst]:+.1%} ({worst})"
        most = max(most, abs(of_files[worst]))
    print(f"{what}: {told}", flush=True)
    return round(most, 3)


def report_stacks(what, rows, bounds, real, stacks):
    """Print how many stacks are deeper than their bound, and return by how much those are."""
    measured = np.array([row.stack for row in rows])
    deeper = measured / np.maximum(bounds, 1) - 1
    over = {
        name: row.stack / max(1, deepest_stack(stacks, row.groups)[0]) - 1
        for name, row in real.items()
    }
    print(
        f"{what}: up to {stacks['stack']} B, margin {stacks['stack_margin']} B; "
        f"{int((deeper > 0).sum())} of {len(rows)} deeper than their bound, by "
        f"{max(0, deeper.max()):.0%} at the most, {(bounds - measured).mean():.0f}"
        f" B less on average; {sum(x > 0 for x in over.values())} of {len(real)} files",
        flush=True,
    )
    beyond = [x for x in (*deeper, *over.values()) if x > 0]
    return round(float(np.mean(beyond)) if beyond else 0.0, 3)


def main():
    """Measure, fit, print the errors and store the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", nargs="*", default=list(CORES), help="only these")
    parser.add_argument("--share", type=float, default=1.0, help="of the programs, to try it")
    parser.add_argument("--cache", type=Path, help="where measurements are kept between runs")
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="models to try it on")
    parser.add_argument("--only", choices=list(ENCODINGS), help="add what this encoding costs")
    parser.add_argument("--write", action="store_true", help="store the tables")
    options = parser.parse_args()
    for core in options.cores:
        if not compiler_is_installed(CORES[core]):
            continue
        path = TABLES / f"{core}.yaml"
        table = {"compiler": compiler_version(CORES[core])}
        if options.only:
            table = yaml.safe_load(path.read_text())
        for mode in MODES:
            if options.only:
                table[mode] = with_encoding(
                    table[mode], core, mode, options.only, options.share, options.cache, rounded
                )
                continue
            counts = {name: int(count * options.share) for name, count in COUNTS[mode].items()}
            table[mode] = table_of(core, mode, counts, options.files, options.cache)
        if options.write:
            path.write_text(yaml.safe_dump(table, sort_keys=False))


if __name__ == "__main__":
    main()
