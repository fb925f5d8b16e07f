"""What zeros by blocks of four take as C code: flash and instructions, by how they are stored.

One convolution (3x3, 32 to 64 channels, 8x8 places) and one dense layer (256 to 64), of whose
blocks a share is zero, compiled for size as bytes, as a mask of weights and as a mask of blocks;
measured on an emulated core. Prints a table; in brackets how far off the predictions are.
Run: python benchmarks/zero_blocks.py [--core cortex-m4] [--shares 0.5 0.7 0.8 0.9]
"""

import argparse
from dataclasses import replace

import numpy as np
from random_graphs import Graph

from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.costs.predict import predict_costs
from autotiny.runtimes.c.encoding import encode_weights, encodings_of
from autotiny.runtimes.c.groups import constant_bytes, groups_of
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.reading import program_of

STORED = ("int8", "pruned", "blocks")
BLOCK = 4


def convolution():
    """Return a convolution of 32 to 64 channels."""
    graph = Graph(np.random.default_rng(0), (1, 8, 8, 32))
    graph.convolution(64, (3, 3))
    return program_of(graph.model())


def dense():
    """Return a dense layer of 256 inputs and 64 units."""
    graph = Graph(np.random.default_rng(0), (1, 256))
    graph.dense(64, 0)
    return program_of(graph.model())


LAYERS = {"conv 3x3, 32 to 64": convolution, "dense, 256 to 64": dense}


def with_zeros(program, share):
    """Return a program of one layer with this share of its blocks zero."""
    (step,), rng = program.steps, np.random.default_rng(1)
    drawn = rng.choice([*range(-127, 0), *range(1, 128)], step.arrays["weights"].size)
    blocks = drawn.astype(np.int8).reshape(-1, BLOCK)
    blocks[rng.permutation(len(blocks)) < round(share * len(blocks))] = 0
    weights = blocks.reshape(step.arrays["weights"].shape)
    return replace(program, steps=(replace(step, arrays={**step.arrays, "weights": weights}),))


def measured(program, core):
    """Return flash and instructions of a program, measured and predicted, and its outputs."""
    source = generate(program)
    linked = compile_for(source, core, "size")
    size = program.sizes[program.input.slot]
    x = np.random.default_rng(2).integers(-128, 128, (1, size)).astype(np.int8)
    run = emulate(linked, source, core, x)
    groups = groups_of(source.program)
    costs = predict_costs(groups, core.name)
    flash = constant_bytes(groups) + costs.code_bytes
    return (linked.flash_bytes, flash, run.instructions, costs.instructions), run.outputs


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core", default="cortex-m4", choices=list(CORES))
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.7, 0.8, 0.9])
    options = parser.parse_args()
    core = CORES[options.core]
    print("| layer | blocks of zeros | stored as | flash | instructions | chosen |")
    print("| --- | ---: | --- | ---: | ---: | --- |")
    for layer, make in LAYERS.items():
        for share in options.shares:
            program = with_zeros(make(), share)
            chosen, seen = encodings_of(encode_weights(program, core=core.name))[0], []
            for name in STORED:
                stored = encode_weights(program, {0: name}, core=core.name)
                (flash, told, work, told_work), outputs = measured(stored, core)
                seen.append(outputs)
                print(
                    f"| {layer} | {share:.0%} | `{name}` | {flash:,} ({told / flash - 1:+.1%}) "
                    f"| {work:,} ({told_work / work - 1:+.1%}) | {'yes' * (name == chosen)} |",
                    flush=True,
                )
            assert all((outputs == seen[0]).all() for outputs in seen)


if __name__ == "__main__":
    main()
