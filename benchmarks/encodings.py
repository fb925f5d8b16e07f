"""What encodings are worth: the front with and without them, one flash budget, one seed.

Task: `tones`, 12 classes of 49x10x1, 2,400 generated samples; base model: a ds_cnn large enough
that the budget binds. Without: a target that has neither DECODE nor packed 4-bit weights.
Prints both fronts, and for each model of the front without encodings whether the other front holds
one that is at least as accurate in no more flash.
Run: python benchmarks/encodings.py [--filters 64] [--flash 48KB] [--trials 16]
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
    from autotiny.study.config import resolve_config
    from autotiny.study.search import Search

    started = time.perf_counter()
    config = resolve_config({**options, "study": name}, config_file=None, assignments=assignments)
    search = Search.create(config)
    search.run()
    records, members = search.records(), search.front()
    trained = sum(record.litert_score is not None for record in records)
    seconds = time.perf_counter() - started
    print(f"{name} encodings: {len(records)} trials, {trained} trained, {seconds:.0f} s")
    for record in members:
        footprint = record.footprint
        print(
            f"  {record.score:.4f}  flash {footprint.flash_bytes:,} (model "
            f"{footprint.model_bytes:,})  RAM {footprint.ram_bytes:,}  {compression(record)}"
        )
    return members


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--flash", default="48KB")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from autotiny.runtimes import Target

    plain = dataclasses.replace(Target(), name="plain", has_decode=False, has_int4=False)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOTINY_STUDIES"] = folder
        common = {
            "data": "tones",
            "space": "ds_cnn",
            "flash": options.flash,
            "trials": options.trials,
            "seed": options.seed,
            "objectives": "accuracy,flash",
        }
        changes = (f"base.filters={options.filters}", "training.epochs=20")
        without = front("without", {**common, "target": dataclasses.asdict(plain)}, changes)
        having = front("with", common, changes)
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
            best = max(o.score for o in having)
            print(
                f"  trial {record.number} is more accurate: {record.score:.4f} against {best:.4f}"
            )


if __name__ == "__main__":
    main()
