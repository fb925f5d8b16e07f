"""The C runtime beside TensorFlow Lite Micro: flash, RAM and instructions of the same model files.

C code is compiled for the core with clang and run on an emulated core in both forms; TFLM's figures
are those that `autotiny analyze` gives. Prints a Markdown table.
Run: python benchmarks/engine.py MODEL.tflite … [--core cortex-m4] [--flag=-mcpu=…]
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.measure.compiler import compile_for, compiler_version
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.reading import read_program

FORMS = get_args(Optimise)


def compiled(data, core, optimise):
    """Return flash, RAM and instructions of a model as C code."""
    program = read_program(data)
    if optimise == "size":
        program = encode_weights(program, core=core.name)
    source = generate(program, optimise=optimise)
    linked = compile_for(source, core, optimise)
    x = np.zeros((1, program.sizes[program.input.slot]), np.int8)
    run = emulate(linked, source, core, x)
    return linked.flash_bytes, source.plan.size + run.stack_bytes, run.instructions


def interpreted(data, core, kernels):
    """Return the same in TFLM, as predicted."""
    target = Target(core=core, kernels=kernels)
    runtime = get_runtime("tflm")
    try:
        footprint = runtime.footprint(runtime.pack(data, target).image, target)
    except UnsupportedModelError:
        return None
    return footprint.flash_bytes, footprint.ram_bytes, footprint.instructions


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--core", default="cortex-m4", choices=[c for c in CORES if c != "avr"])
    parser.add_argument("--flag", help="for the compiler, in place of the core's: fewer features")
    options = parser.parse_args()
    core = CORES[options.core]
    core = replace(core, flag=options.flag or core.flag)
    print(f"{core.name} ({core.flag}), C code by {compiler_version(core)}\n")
    print("| model | runtime | flash | RAM | instructions |\n| --- | --- | ---: | ---: | ---: |")
    for path in options.models:
        data = path.read_bytes()
        rows = [(f"c, {form}", compiled(data, core, form)) for form in FORMS]
        rows += [
            (f"tflm, {kernels}", interpreted(data, core.name, kernels))
            for kernels in ("reference", "cmsis-nn")
        ]
        for what, row in rows:
            cells = ["-"] * 3 if row is None else [f"{n:,}" if n else "-" for n in row]
            print(f"| {path.stem} | {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
