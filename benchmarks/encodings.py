"""What encodings are worth: the front with and without them, under one flash budget.

Task: `tones`, 12 classes of 49x10x1, 2,400 generated samples; base model: a ds_cnn large enough
that the budget binds. Without: in TFLM a target that has neither DECODE nor packed 4-bit weights,
in compiled C plain int8 weights. Prints both fronts, for each model of the front without whether
the other front holds one that is at least as accurate in no more flash, and both hypervolumes:
the share of accuracy times flash, up to 1 and the budget, that a front dominates.
Run: python benchmarks/encodings.py [--runtime c] [--filters 64] [--flash 48KB] [--trials 16]
     [--seeds 0 1 2]
"""

import argparse
import dataclasses
import os
import tempfile
import time
from typing import Any


def front(name: str, options: dict[str, Any], assignments: tuple[str, ...]) -> list[Any]:
    """Return the front of a search, and print it."""
    from autotiny.report.tables import compression
    from autotiny.study.resolving import resolve_config
    from autotiny.study.search import Search

    started = time.perf_counter()
    config = resolve_config({**options, "study": name}, config_file=None, assignments=assignments)
    search = Search.create(config)
    search.run()
    records, members = search.records(), search.front()
    trained = sum(record.litert_score is not None for record in records)
    seconds = time.perf_counter() - started
    print(f"{name}: {len(records)} trials, {trained} trained, {seconds:.0f} s")
    for record in members:
        footprint = record.footprint
        print(
            f"  {record.score:.4f}  flash {footprint.flash_bytes:,} (model "
            f"{footprint.model_bytes:,})  RAM {footprint.ram_bytes:,}  {compression(record)}"
        )
    return members


def hypervolume(members: list[Any], budget: int) -> float:
    """Return the share of accuracy times flash that a front dominates."""
    area, best = 0.0, 0.0
    for record in sorted(members, key=lambda r: r.footprint.flash_bytes):
        if record.score > best:
            area += (record.score - best) * (budget - record.footprint.flash_bytes)
            best = record.score
    return area / budget


def compare(without: list[Any], having: list[Any]) -> None:
    """Print which models of the front without are matched or beaten."""
    beaten = [
        record
        for record in without
        if any(
            other.score >= record.score
            and other.footprint.flash_bytes <= record.footprint.flash_bytes
            for other in having
        )
    ]
    print(f"{len(beaten)} of {len(without)} models of the front without are matched or beaten")
    for record in without:
        close = [o for o in having if o.score >= record.score]
        if record not in beaten and close:
            least = min(other.footprint.flash_bytes for other in close)
            more = least - record.footprint.flash_bytes
            print(f"  trial {record.number} ({record.score:.4f}) takes {more:,} B less without")
        elif record not in beaten:
            best = max((o.score for o in having), default=0.0)
            print(
                f"  trial {record.number} is more accurate: {record.score:.4f} against {best:.4f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", default="tflm", choices=("tflm", "c"))
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--flash", default="48KB")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    from autotiny.runtimes import Target
    from autotiny.units import parse_size

    plain = dataclasses.replace(Target(), name="plain", has_decode=False, has_int4=False)
    target = {"target": dataclasses.asdict(plain)} if options.runtime == "tflm" else {}
    dense = ("precision_tolerance=0", "sparsity=0") if options.runtime == "c" else ()
    changes = (f"base.filters={options.filters}", f"training.epochs={options.epochs}")
    volumes = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOTINY_STUDIES"] = folder
        for seed in options.seeds:
            common = {
                "data": "tones",
                "space": "ds_cnn",
                "flash": options.flash,
                "trials": options.trials,
                "seed": seed,
                "objectives": "accuracy,flash",
                "runtime": options.runtime,
            }
            without = front(f"without-{seed}", {**common, **target}, (*changes, *dense))
            having = front(f"with-{seed}", common, changes)
            compare(without, having)
            budget = parse_size(options.flash)
            volumes.append((hypervolume(without, budget), hypervolume(having, budget)))
            print(
                f"seed {seed}: hypervolume {volumes[-1][0]:.4f} without, {volumes[-1][1]:.4f} with",
                flush=True,
            )
    before, after = (sum(column) / len(volumes) for column in zip(*volumes, strict=True))
    print(f"mean of {len(volumes)} seeds: {before:.4f} without, {after:.4f} with")


if __name__ == "__main__":
    main()
