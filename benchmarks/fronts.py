"""What a change of search spaces or samplers is worth: fronts of two checkouts, or of two spaces.

Each side runs the same search, through the command line, with the same trials and seeds; in a
folder of its own. Printed for each side and seed: the hypervolume of the front (score above
``--floor``, flash and RAM below the budget, as a share of all there is), and the time it took; then
what is left of the budget by the smallest model above each score.

Run: python benchmarks/fronts.py BEFORE AFTER --data digits --space cnn --flash 34KB --ram 8KB
     (BEFORE, AFTER: folders that hold the package, such as two `git worktree`s)
     python benchmarks/fronts.py . . --space cnn mine.yaml --runtime c -- --set training.epochs=20
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from optuna._hypervolume import compute_hypervolume

from autotiny.units import parse_size

Front = list[dict[str, Any]]


def searched(
    checkout: Path, space: str, seed: int, options: argparse.Namespace
) -> tuple[Front, float]:
    """Return the front of one search and its seconds.

    Args:
        checkout: Folder of the package that runs it.
        space: Name or file of the search space.
        seed: Of the search.
        options: What was asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(checkout), "AUTOTINY_STUDIES": folder}
        run = [sys.executable, "-m", "autotiny"]
        budget = ["--flash", options.flash, "--ram", options.ram]
        command = [*run, "search", "--study", "s", "--data", options.data, "--space", space]
        command += [*budget, "--runtime", options.runtime, "--trials", str(options.trials)]
        command += ["--seed", str(seed), *options.more]
        started = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
        seconds = time.perf_counter() - started
        if done.returncode not in (0, 3):
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        command = [*run, "front", "s", "--format", "json"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=folder, check=True
        )
        return json.loads(done.stdout), seconds


def hypervolume(front: Front, floor: float, flash: int, ram: int) -> float:
    """Return the share of the box between floor, budgets and a perfect model of no bytes.

    Args:
        front: Members with an accuracy of 1 at best.
        floor: Accuracy that is worth nothing.
        flash: Budget in bytes.
        ram: Likewise.
    """
    losses = np.array(
        [
            [(1 - m["accuracy"]) / (1 - floor), m["flash_bytes"] / flash, m["ram_bytes"] / ram]
            for m in front
            if m["accuracy"] > floor
        ]
    )
    return float(compute_hypervolume(losses, np.ones(3))) if len(losses) else 0.0


def smallest(front: Front, score: float) -> str:
    """Return the flash of the smallest model of at least a score."""
    sizes = [m["flash_bytes"] for m in front if m["accuracy"] >= score]
    return f"{min(sizes):,}" if sizes else "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search with both sides, and print them beside each other."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Behind --: further options of search."
    )
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--space", nargs="+", default=["cnn"], help="one, or one for each side")
    parser.add_argument("--flash", default="34KB")
    parser.add_argument("--ram", default="8KB")
    parser.add_argument("--runtime", default="c")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--floor", type=float, default=0.9, help="score that is worth nothing")
    parser.add_argument("--scores", nargs="*", type=float, default=[0.95, 0.97, 0.98, 0.99])
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:end])
    options.more = given[end + 1 :]
    flash, ram = parse_size(options.flash), parse_size(options.ram)
    print(
        f"{options.data}, {options.runtime}, {options.flash} of flash, {options.ram} of RAM, "
        f"{options.trials} trials; {' '.join(options.more)}"
    )
    heads = [f"flash at {score}" for score in options.scores]
    print(
        f"| side | seed | hypervolume | s | {' | '.join(heads)} |\n|{' --- |' * (4 + len(heads))}"
    )
    volumes: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        for side, checkout in enumerate(options.checkouts):
            space = options.space[min(side, len(options.space) - 1)]
            space = str(Path(space).resolve()) if Path(space).is_file() else space
            front, seconds = searched(checkout.resolve(), space, seed, options)
            volume = hypervolume(front, options.floor, flash, ram)
            name = ("before", "after")[side]
            volumes.setdefault(name, []).append(volume)
            cells = [smallest(front, score) for score in options.scores]
            print(
                f"| {name} | {seed} | {volume:.4f} | {seconds:.0f} | {' | '.join(cells)} |",
                flush=True,
            )
    before, after = (statistics.mean(volumes[name]) for name in ("before", "after"))
    print(f"mean hypervolume: before {before:.4f}, after {after:.4f}, ratio {after / before:.3f}")


if __name__ == "__main__":
    main()
