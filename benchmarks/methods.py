"""What each compression method is worth: mean and spread of the score at equal bytes.

For every seed a base model is trained and split anew; every setting is a candidate of it, trained,
lowered to int8 (and fewer bits) and scored on validation data, as a trial of a search is. Tables:

* criteria: each criterion of unstructured sparsity, spent over layers uniformly or by one ranking;
* importances: each importance of channels, layer by layer;
* ranked: the same, ranked together over layers under one budget;
* distillation: each kind against none, at three widths;
* rates: each optimiser at several learning rates;
* training: what else is a named choice, against plain training;
* quantisation: numbers rounded after training or known to it, at 8, 4 and 2 bits of all weights;
* ranges: calibrations, scalings of weights and grids of scales, without training on them;
* precision: bits by sensitivity, in as many bytes as the same bits everywhere take.

Run: python benchmarks/methods.py [--task digits] [--seeds 5] [--epochs 20] [--what criteria …]
     [--store FILE.json]  (scores are kept there, and a run that was stopped goes on)
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

#: Task to the space that its base model is of, and what of it is made smaller to save time.
TASKS = {
    "digits": ("cnn", {}),
    "tones": ("ds_cnn", {"filters": 24, "blocks": 3}),
}
#: Learning rate that settings share which name none: about the best of Adam in ``rates``.
RATE = 0.01
RATES = {
    "adam": (0.003, 0.01, 0.03),
    "sgd": (0.02, 0.05, 0.15, 0.4),
    "rmsprop": (0.001, 0.003, 0.01),
}
#: Beside which a setting's tolerance is searched that makes it as small as these uniform bits.
AS_SMALL_AS = "as small as bits"
Setting = Mapping[str, Any]


def settings(what: str) -> Iterator[tuple[str, str, Setting]]:
    """Yield column, row and hyperparameters of each setting of a table."""
    from autotiny.compression.distillation import TEACHINGS
    from autotiny.compression.importance import IMPORTANCES
    from autotiny.compression.sparsity import CRITERIA, MODES, PATTERNS, SCHEDULES
    from autotiny.training.simulation import KINDS

    if what == "criteria":
        for sparsity in (0.5, 0.8, 0.9):
            for mode in MODES:
                for name in CRITERIA if mode != "sensitivity" else ("magnitude",):
                    yield (
                        f"{sparsity:.0%}",
                        f"{name}, {mode}",
                        {"sparsity": sparsity, "pruning_criterion": name, "sparsity_mode": mode},
                    )
    elif what == "schedules":
        for sparsity in (0.5, 0.8, 0.9):
            for name in SCHEDULES:
                yield f"{sparsity:.0%}", name, {"sparsity": sparsity, "pruning_schedule": name}
            for name in PATTERNS:
                yield f"{sparsity:.0%}", name, {"sparsity": sparsity, "pruning_pattern": name}
            for kind, factor in (("l1", 1e-5), ("l1", 1e-4), ("l2", 1e-4), ("l2", 1e-3)):
                regular = {"regulariser": kind, "regulariser_factor": factor}
                yield f"{sparsity:.0%}", f"{kind} {factor:g}", {"sparsity": sparsity, **regular}
    elif what in ("importances", "ranked"):
        for width in (0.25, 0.5):
            for scope in ("layer",) if what == "importances" else ("bytes", "macs"):
                for name in IMPORTANCES:
                    chosen = {"width": width, "importance": name, "width_scope": scope}
                    yield f"width {width}", f"{name}, {scope}", chosen
    elif what == "distillation":
        for width in (0.15, 0.3, 0.6):
            yield f"width {width}", "none", {"width": width}
            for name in TEACHINGS:
                taught = {"distillation": name, "distillation_alpha": 0.5}
                yield f"width {width}", name, {"width": width, **taught}
    elif what == "rates":
        for width in (0.25, 0.6):
            for name, rates in RATES.items():
                for rate in rates:
                    chosen = {"width": width, "optimiser": name, "learning_rate": rate}
                    yield f"width {width}", f"{name} {rate:g}", chosen
    elif what == "quantisation":
        for bits in (8, 4, 2):
            for name in KINDS:
                yield f"{bits} bits", name, {**_uniform(bits), "quantisation": name}
    elif what == "ranges":
        for bits in (8, 4):
            for row, chosen in _ranges():
                rounded = {**_uniform(bits), "quantisation": "post_training"}
                yield f"{bits} bits", row, {**rounded, **chosen}
    elif what == "precision":
        for bits in (4, 3, 2):
            yield f"{bits} bits", "uniform", _uniform(bits)
            yield f"{bits} bits", "sensitivity", {AS_SMALL_AS: bits}
    elif what == "training":
        for width in (0.15, 0.3):
            for row, chosen in _training():
                yield f"width {width}", row, {"width": width, **chosen}


def _uniform(bits: int) -> Setting:
    return {"width": 0.5, "precision_mode": "uniform", "bits": bits}


def _ranges() -> Iterator[tuple[str, Setting]]:
    from autotiny.lowering.calibration import CALIBRATIONS
    from autotiny.lowering.weight_scaling import WEIGHT_SCALINGS

    for name in CALIBRATIONS:
        yield f"activations {name}", {"calibration": name}
    for name in WEIGHT_SCALINGS:
        yield f"weights {name}", {"weight_scaling": name}
    yield "one scale a tensor", {"weight_granularity": "tensor"}
    yield "scales of powers of two", {"scale_grid": "power_of_two"}
    yield "bias correction", {"bias_correction": "on"}


def _training() -> Iterator[tuple[str, Setting]]:
    yield "plain", {}
    for smoothing in (0.05, 0.1):
        yield f"label smoothing {smoothing}", {"label_smoothing": smoothing}
    for decay in (0.01, 0.1):
        yield f"weight decay {decay}", {"weight_decay": decay}
    yield "mixup 0.2", {"mixup": 0.2}
    for strength in (0.25, 0.5):
        for name in ("shift", "cutout", "time_shift", "spec_augment"):
            chosen = {"augmentation": name, "augmentation_strength": strength}
            yield f"{name} {strength}", chosen


def make_pipeline(task_name: str, seed: int, epochs: int) -> Any:
    """Return the road of candidates on a base model that is trained here."""
    from autotiny.base_model import train_base_model
    from autotiny.budget.spending import Spending
    from autotiny.compression.sensitivity import measure_sensitivity
    from autotiny.compression.sparsity.sensitivity import measure_sparsity
    from autotiny.networks.batch_norm import fold_batch_norm
    from autotiny.pipeline import Pipeline, representative_samples
    from autotiny.runtimes import get_runtime
    from autotiny.runtimes._base import Target
    from autotiny.study.once import build_base_network
    from autotiny.study.space_files import parse_space, read_space
    from autotiny.tasks import load_task
    from autotiny.training.evidence import measure_evidence
    from autotiny.training.forward import logits

    name, smaller = TASKS[task_name]
    content = read_space(name)
    content["base"] = {**content["base"], **smaller}
    content["training"] = {**content["training"], "epochs": 2 * epochs}
    space, task = parse_space(content, name), load_task(task_name, seed=seed)
    samples = representative_samples(task, seed)
    base = train_base_model(
        task, build_base_network(task, space), space.training, samples, seed=seed
    )
    zeros = measure_sparsity(
        base.network,
        base.weights,
        lambda network, weights: logits(network, weights, task.validation.x),
        lambda outputs: task.goal.kind.divergence(base.validation_outputs, outputs),
    )
    runtime = get_runtime("c")
    folded, weights = fold_batch_norm(base.network, base.weights)
    sensitivity = measure_sensitivity(
        folded,
        weights,
        base.ranges,
        runtime.precision_costs(folded, Target()).options,
        task.validation,
        base.validation_outputs,
        goal=task.goal,
        seed=seed,
    )
    evidence = measure_evidence(base.network, base.weights, task.train, task.goal, seed=seed)
    return Pipeline(
        task,
        base,
        sensitivity,
        runtime,
        Spending(Target()),
        seed=seed,
        batch_size=space.training.batch_size,
        sparsity_sensitivity=zeros,
        evidence=evidence,
    )


def prepare(pipeline: Any, chosen: Setting) -> Any:
    """Return a setting's untrained candidate."""
    from autotiny.candidate import Candidate

    if AS_SMALL_AS not in chosen:
        return pipeline.prepare(Candidate.from_parameters(chosen))
    bits = chosen[AS_SMALL_AS]
    common = {name: value for name, value in chosen.items() if name != AS_SMALL_AS}
    most = pipeline.prepare(Candidate.from_parameters({**common, **_uniform(bits)}))
    # The least tolerance whose plan is no larger: bytes fall as it grows.
    low, high, found = -6.0, 2.0, most
    for _ in range(20):
        tolerance = (low + high) / 2
        own = {"width": 0.5, "precision_tolerance": 10**tolerance}
        prepared = pipeline.prepare(Candidate.from_parameters({**common, **own}))
        fits = prepared.artifact.footprint.flash_bytes <= most.artifact.footprint.flash_bytes
        if fits:
            found = prepared
        low, high = (low, tolerance) if fits else (tolerance, high)
    return found


def table(what: str, found: Mapping[str, Mapping[str, Any]], seeds: int) -> None:
    """Print means and spreads, rows sorted by the mean over columns."""
    cells: dict[str, dict[str, tuple[list[float], float]]] = {}
    columns: list[str] = []
    for column, row, _ in settings(what):
        scores = [
            found[key] for s in range(seeds) if (key := f"{what}|{column}|{row}|{s}") in found
        ]
        if scores:
            if column not in columns:
                columns.append(column)
            values = [score["score"] for score in scores]
            size = float(np.mean([score["flash"] for score in scores]))
            cells.setdefault(row, {})[column] = values, size
    print(f"\n{what}: validation score, mean +- standard deviation of {seeds} seeds (flash, B)")
    print(f"| | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")

    def mean(row: str) -> float:
        return -float(np.mean([np.mean(values) for values, _ in cells[row].values()]))

    for row in sorted(cells, key=mean):
        told = [
            f"{np.mean(values):.4f} +- {np.std(values):.4f} ({size:,.0f})"
            for values, size in (cells[row].get(c, ([float("nan")], 0.0)) for c in columns)
        ]
        print(f"| {row} | {' | '.join(told)} |")


def main() -> None:
    """Train every setting with every seed, and print the tables."""
    tables = (
        *("rates", "criteria", "schedules", "importances", "ranked", "distillation"),
        *("training", "quantisation", "ranges", "precision"),
    )
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="digits", choices=sorted(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--what", nargs="+", default=list(tables), choices=tables)
    parser.add_argument("--store", type=Path, help="where scores are kept")
    options = parser.parse_args()

    stored: dict[str, Any] = {}
    if options.store and options.store.exists():
        stored = json.loads(options.store.read_text())
    for seed in range(options.seeds):
        pipeline = None
        for what in options.what:
            for column, row, chosen in settings(what):
                key = f"{what}|{column}|{row}|{seed}"
                if key in stored:
                    continue
                pipeline = pipeline or make_pipeline(options.task, seed, options.epochs)
                common = {"epochs": options.epochs, "learning_rate": RATE}
                prepared = prepare(pipeline, {**common, **chosen})
                scored = pipeline.finish(prepared, seed=seed)
                flash = scored.artifact.footprint.flash_bytes
                stored[key] = {"score": float(scored.score), "flash": flash}
                if options.store:
                    options.store.write_text(json.dumps(stored, indent=0))
    print(f"{options.task}, {options.epochs} epochs, compiled C for a Cortex-M4")
    for what in options.what:
        table(what, stored, options.seeds)


if __name__ == "__main__":
    main()
