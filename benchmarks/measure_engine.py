"""Measure the C runtime's code and instructions on every core, and fit the tables of its costs.

Random networks of every family, with weights in every encoding, are compiled for each core with
clang and run on an emulated core; factors for what `autotiny/runtimes/c/costs/features.py` counts
are fitted to three quarters of them, and the errors on the rest are printed and stored.
Run: python benchmarks/measure_engine.py [--models 480] [--write]
"""

import argparse
import os
import pickle
from dataclasses import replace
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import yaml

from autotiny.lowering import activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.families import build_network
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import DepthwiseConv2D
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.costs.features import code_features, stack_forms, work_features
from autotiny.runtimes.c.encoding import encode_weights, encodings_of
from autotiny.runtimes.c.groups import groups_of
from autotiny.runtimes.c.measure.compiler import (
    compile_for,
    compiler_is_installed,
    compiler_version,
)
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate, emulator_is_installed
from autotiny.runtimes.c.reading import read_program

TABLES = Path(__file__).parents[1] / "autotiny" / "runtimes" / "c" / "costs"
_RIDGE = 0.003
_WIDE = LayerPrecision(activation_bits=16)
#: Share of layers of 16-bit activations whose sums get 64 bits, as those of many inputs do.
LONG = 0.3
KINDS = {"int8": range(-127, 128), "int4": range(-7, 8), "table": (-90, -40, 0, 13, 60)}


def random_model(rng, weight_bits=8):
    """Return a model of a random network of a random family.

    With 4 bits for weights, all layers have them that can.
    """

    def pick(*values):
        return values[rng.integers(len(values))]

    image = (int(pick(6, 8, 10, 12)), int(pick(6, 8, 9)), int(pick(1, 2, 3)))
    signal = (int(pick(20, 32, 47)), 1, int(pick(1, 3, 6)))
    filters = [int(n) for n in rng.integers(3, 17, rng.integers(1, 5))]
    family, shape, options = pick(
        ("mlp", (int(rng.integers(4, 60)),), {"units": tuple(filters)}),
        ("cnn", image, {"filters": tuple(filters), "strides": tuple(pick(1, 2) for _ in filters)}),
        ("cnn", image, {"filters": (filters[0],), "strides": (1,), "head": "flatten"}),
        ("ds_cnn", image, {"filters": filters[0], "blocks": int(pick(1, 2, 4))}),
        ("resnet", image, {}), ("squeeze", image, {}), ("mobilenet_v2", image, {}),
        ("cnn1d", signal, {}), ("tcn", signal, {}), ("autoencoder", (filters[0] + 9,), {}),
    )  # fmt: skip
    outputs = shape[0] if family == "autoencoder" else int(rng.integers(2, 12))
    network = build_network(family, options, shape, outputs)
    if family in ("resnet", "squeeze", "mobilenet_v2", "cnn1d", "tcn", "autoencoder"):
        from autotiny.compression.width import cut

        weights = initial_weights(network, int(rng.integers(1 << 30)))
        network, weights = cut(network, weights, float(rng.uniform(0.1, 0.5)))
    else:
        weights = initial_weights(network, int(rng.integers(1 << 30)))
    network, weights = fold_batch_norm(network, weights)
    x = rng.normal(size=(16, *shape)).astype(np.float32)
    share = pick(0, 0, 0, 0, 0.5)  # of layers with 16-bit activations
    plan = {layer.name: _WIDE for layer in network.weight_layers if rng.random() < share}
    if weight_bits == 4:
        layers = [x for x in network.weight_layers if not isinstance(x, DepthwiseConv2D)]
        plan = {layer.name: LayerPrecision(weight_bits=4) for layer in layers}
    return lower(network, weights, plan, activation_ranges(network, weights, x))


def random_program(rng):
    """Return a random model's program, its weights in one or in several encodings."""
    program = read_program(random_model(rng))
    wanted, steps = {}, list(program.steps)
    names = ["int8"] if rng.random() < 0.4 else list(rng.choice([*KINDS, "pruned", "huffman"], 2))
    for place in encodings_of(program):
        name = str(rng.choice(names))
        weights = np.asarray(steps[place].arrays["weights"])
        drawn = rng.choice(KINDS.get(name, KINDS["int8"]), weights.shape)
        if name == "huffman":
            drawn = np.rint(rng.normal(0, rng.uniform(2, 30), weights.shape)).clip(-127, 127)
        if name == "pruned":
            drawn = np.where(rng.random(weights.shape) < rng.uniform(0.3, 0.9), 0, drawn)
        arrays = {**steps[place].arrays, "weights": drawn.astype(np.int8)}
        steps[place] = replace(steps[place], arrays=arrays)
        if steps[place].reduced and rng.random() < LONG:
            steps[place] = replace(steps[place], largest=1 << 31)
        wanted[place] = name
    return encode_weights(replace(program, steps=tuple(steps)), wanted)


def measured(program, core, rng):
    """Return code bytes, constants, stack and instructions of a program on a core."""
    source = generate(program)
    linked = compile_for(source, CORES[core], "size")
    row = {"code": linked.code_bytes, "constants": linked.constant_bytes}
    if linked.stack_bytes is not None:
        row["stack"] = linked.stack_bytes
    if emulator_is_installed(CORES[core]):
        size = program.sizes[program.input.slot]
        x = rng.integers(-128, 128, (1, size)).astype(np.int8)
        run = emulate(linked, source, CORES[core], x)
        row |= {"stack": run.stack_bytes, "instructions": run.instructions}
    return row


def fit(rows, values):
    """Return factors for rows of features that fit relative to the values.

    Small factors are preferred as far as they fit about as well (ridge regression); what the
    compiler knows may save something, so that they may be less than zero.
    """
    names = sorted({name for row in rows for name, amount in row.items() if amount})
    matrix = np.array([[row.get(name, 0) for name in names] for row in rows], float)
    matrix /= np.array(values, float)[:, None]
    scale = matrix.max(axis=0)
    matrix /= scale
    normal = matrix.T @ matrix + _RIDGE * np.eye(len(names))
    solution = np.linalg.solve(normal, matrix.sum(axis=0))
    return {name: float(x) for name, x in zip(names, solution / scale, strict=True)}


def fit_stacks(forms, stacks):
    """Return the most that functions of each form took, as far as they were the deepest.

    A form takes no more than any program with it did; where that explains less than a program
    took, the deepest of its forms takes that.
    """
    most = {}
    for here, stack in zip(forms, stacks, strict=True):
        for form in here:
            most[form] = min(most.get(form, stack), stack)
    for _ in range(3):
        for here, stack in zip(forms, stacks, strict=True):
            if here and max(most[form] for form in here) < stack:
                most[max(sorted(here), key=most.__getitem__)] = stack
    return dict(sorted(most.items()))


def predicted(factors, row):
    """Return what factors make of features."""
    return sum(factors.get(name, 0) * amount for name, amount in row.items())


def report(what, errors):
    """Print how wrong predictions are."""
    mean, most, worst = abs(errors).mean(), np.quantile(abs(errors), 0.95), abs(errors).max()
    print(f"{what}: mean {mean:.1%}, 95 % {most:.1%}, worst {worst:.1%}")


def main():
    """Measure, fit, print the errors and store the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=480)
    parser.add_argument("--write", action="store_true", help="store the tables")
    parser.add_argument("--cache", type=Path, help="where measurements are kept between runs")
    options = parser.parse_args()
    if options.cache and options.cache.exists():
        programs, results = pickle.loads(options.cache.read_bytes())
    else:
        rng = np.random.default_rng(0)
        programs, results = [random_program(rng) for _ in range(options.models)], {}
    for name, core in CORES.items():
        if name not in results and compiler_is_installed(core):
            rng = np.random.default_rng(1)
            results[name] = [measured(program, name, rng) for program in programs]
    if options.cache:
        options.cache.write_bytes(pickle.dumps((programs, results)))
    held = len(programs) // 4
    groups = [groups_of(program) for program in programs]
    code, work = [code_features(g) for g in groups], [work_features(g) for g in groups]
    forms = [stack_forms(g) for g in groups]
    for core, rows in results.items():
        table = {"compiler": compiler_version(CORES[core]), "models": len(programs) - held}
        for what, features in (("code", code), ("instructions", work)):
            if what not in rows[0]:
                continue
            values = np.array([row[what] for row in rows], float)
            factors = fit(features[held:], values[held:])
            guesses = np.array([predicted(factors, row) for row in features[:held]])
            errors = guesses / values[:held] - 1
            report(f"{core} {what}", errors)
            if what == "code":
                flash = values + [row["constants"] for row in rows]
                report(f"{core} flash", (guesses - values[:held]) / flash[:held])
            table[what] = {k: round(v, 3) for k, v in factors.items() if abs(v) > 1e-3}
            table[f"{what}_error"] = round(float(np.quantile(abs(errors), 0.95)), 3)
        stacks = [row["stack"] for row in rows if "stack" in row]
        if stacks:
            table["stack"] = max(stacks)
            table["stacks"] = known = fit_stacks(forms[held:], stacks[held:])
            guesses = np.array([
                max((known.get(form, max(stacks)) for form in here), default=max(stacks))
                for here in forms[:held]
            ])  # fmt: skip
            deeper = np.maximum(0, stacks[:held] / guesses - 1)
            table["stack_error"] = round(float(np.quantile(deeper, 0.95)), 3)
            print(
                f"{core} stack: {min(stacks)} to {max(stacks)} B; {int((deeper > 0).sum())} of "
                f"{held} deeper than predicted, by {deeper.max():.0%} at the most; the others "
                f"{(guesses - stacks[:held]).mean():.0f} B less on average"
            )
        if options.write:
            (TABLES / f"{core}.yaml").write_text(yaml.safe_dump(table, sort_keys=False))


if __name__ == "__main__":
    main()
