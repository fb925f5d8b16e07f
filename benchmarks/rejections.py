"""How fast a study is where budgets bind, and where they do not.

Prints trials per minute of a search on the digits, and, with the flash budget at half of what the
smallest base model needs, the share of trials rejected untrained and the median time of one.
Run: python benchmarks/rejections.py [--trials 40]
"""

import argparse
import os
import statistics
import tempfile
import time
from typing import Any


def searched(options: dict[str, Any]) -> tuple[list[Any], float]:
    """Return the trials of a search, and its seconds after base model and sensitivity."""
    from autotiny.study.resolving import resolve_config
    from autotiny.study.search import Search

    search = Search.create(resolve_config(options, config_file=None, assignments=()))
    search.pipeline()  # the once-per-study steps are not what is timed
    started = time.perf_counter()
    search.run()
    return search.records(), time.perf_counter() - started


def smallest_base_flash() -> int:
    """Return the flash of the smallest family's base model on the digits, dense int8."""
    from autotiny.lowering import lower, unit_ranges
    from autotiny.networks.initial import initial_weights
    from autotiny.runtimes import Target, get_runtime
    from autotiny.study.once import build_base_network
    from autotiny.study.space_files import parse_space, read_space
    from autotiny.tasks import load_task

    task, runtime, sizes = load_task("digits", seed=0), get_runtime(), []
    for name in ("mlp", "cnn", "ds_cnn"):
        network = build_base_network(task, parse_space(read_space(name), name))
        model = lower(network, initial_weights(network, 0), {}, unit_ranges(network))
        image = runtime.pack(model, Target()).image
        sizes.append(runtime.footprint(image, Target()).flash_bytes)
    return min(sizes)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=40)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOTINY_STUDIES"] = folder
        common = {"trials": trials, "ram": "520KB"}
        records, seconds = searched({**common, "flash": "300KB", "study": "roomy"})
        print(f"roomy budget: {len(records) / seconds * 60:.1f} trials per minute, all trained")
        flash = smallest_base_flash() // 2
        records, seconds = searched({**common, "flash": flash, "study": "tight"})
        rejected = [record.seconds * 1e3 for record in records if record.litert_score is None]
        print(
            f"flash {flash:,} B: {len(rejected)} of {len(records)} trials rejected untrained, "
            f"median {statistics.median(rejected):.0f} ms; "
            f"{len(records) / seconds * 60:.0f} trials per minute"
        )


if __name__ == "__main__":
    main()
