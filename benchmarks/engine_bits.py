"""Hold the C engine's outputs against TFLM's: files with many inputs, and random networks.

Every file runs 1,000 random inputs in both forms; every random network runs 20 in a form and an
encoding drawn for it, as C compiled here and, one in ten, on an emulated core too.
Run: python benchmarks/engine_bits.py MODEL.tflite … [--networks 300] [--inputs 1000]
"""

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import get_args

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
from random_programs import random_model

from autotiny.errors import InputError
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.encoding import encode_weights, encodings_of
from autotiny.runtimes.c.encodings import ENCODINGS
from autotiny.runtimes.c.host import host_compiler, run_on_host
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate, emulator_is_installed
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

EMULATED = [name for name, core in CORES.items() if emulator_is_installed(core)]


def possible(program, name):
    """Return an encoding for each step: this one, or int8 where its values do not allow it."""
    chosen = {}
    for place in encodings_of(program):
        try:
            encode_weights(program, {place: name})
            chosen[place] = name
        except InputError:
            chosen[place] = "int8"
    return chosen


def differing(source, data, x, compiler):
    """Return how many samples the C code gives other outputs for than TFLM."""
    got = run_on_host(source, x, compiler=compiler, flags=("-O2",))
    return int((got != outputs(data, x, trusted=True).reshape(got.shape)).any(axis=1).sum())


def samples(program, count, rng):
    """Return random int8 inputs."""
    return rng.integers(-128, 128, (count, *program.input.shape[1:])).astype(np.int8)


def main():
    """Compare, and print how many differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--inputs", type=int, default=1000)
    options = parser.parse_args()
    compiler, rng = host_compiler(), np.random.default_rng(0)
    assert compiler is not None, "a C compiler is needed"
    for path in options.models:
        data = path.read_bytes()
        try:
            program = read_program(data)
        except InputError as error:
            print(f"{path.name}: refused: {str(error)[:90]}")
            continue
        x = samples(program, options.inputs, rng)
        forms = {"size": encode_weights(program), "balanced": program, "speed": program}
        wrong = [
            differing(generate(form, optimise=name), data, x, compiler)
            for name, form in forms.items()
        ]
        print(f"{path.name}: {sum(wrong)} of {len(forms) * len(x)} differ", flush=True)
    used, wrong, emulated = Counter(), 0, 0
    for number in range(options.networks):
        name = list(ENCODINGS)[number % len(ENCODINGS)]
        data = random_model(rng, 4 if name == "int4" else 8)
        program, optimise = read_program(data), get_args(Optimise)[number % 3]
        program = encode_weights(program, possible(program, name))
        for encoding in set(encodings_of(program).values()):
            used[f"{encoding}, {optimise}"] += 1
        source, x = generate(program, optimise=optimise), samples(program, 20, rng)
        wrong += differing(source, data, x, compiler)
        if number % 10 == 0:
            core = CORES[EMULATED[number // 10 % len(EMULATED)]]
            run = emulate(compile_for(source, core, optimise), source, core, x[:2])
            wrong += int(
                (run.outputs != outputs(data, x[:2], trusted=True).reshape(run.outputs.shape)).sum()
            )
            emulated += 1
    print(
        f"{options.networks} random networks, {emulated} of them emulated: {wrong} samples differ"
    )
    print(", ".join(f"{count} {what}" for what, count in sorted(used.items())))


if __name__ == "__main__":
    main()
