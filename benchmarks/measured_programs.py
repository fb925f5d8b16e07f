"""Programs compiled for a core and run on it, once; what was measured is kept in files."""

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from elftools.elf.elffile import ELFFile
from random_programs import SOURCES, random_program, random_program_of

from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.groups import groups_of, largest_array_bytes
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate, emulator_is_installed
from autotiny.runtimes.c.program import Program
from autotiny.runtimes.c.reading import read_program

#: How programs are compiled: small, or fast, for which the compiler's options are the same.
MODES = ("size", "fast")
#: Of fast programs, the share with functions of their own, and that of dense weights alone.
_OWN, _DENSE = 0.3, 0.6


@dataclass(frozen=True)
class Made:
    """A program and what it is compiled for."""

    program: Program
    optimise: str


@dataclass(frozen=True)
class Measured:
    """What a core takes for a program.

    Attributes:
        program: In the form that is compiled.
        code: Bytes of code.
        functions: Bytes of each C function that is not built into another, by name.
        constants: Bytes of constants.
        stack: Deepest stack in bytes.
        instructions: Of an inference; None where no emulator counts them.
    """

    program: Program
    code: int
    functions: Mapping[str, int]
    constants: int
    stack: int
    instructions: int | None

    @property
    def groups(self):
        """Functions of the program."""
        return groups_of(self.program)


def made_programs(mode, source, count, encoding=None):
    """Return random programs for a mode, the same every time; all have weights in an encoding."""
    seed = [MODES.index(mode), list(SOURCES).index(source)]
    if encoding is not None:
        rng = np.random.default_rng([*seed, 1])
        return [
            Made(
                random_program_of(rng, encoding, source),
                "size" if mode == "size" else str(rng.choice(["balanced", "speed"])),
            )
            for _ in range(count)
        ]
    rng = np.random.default_rng(seed)
    if mode == "size":
        return [Made(random_program(rng, source=source), "size") for _ in range(count)]
    return [
        Made(random_program(rng, _DENSE, source), "speed" if rng.random() < _OWN else "balanced")
        for _ in range(count)
    ]


def of_file(path, mode):
    """Return a model of a file as it is compiled in a mode."""
    program = read_program(path.read_bytes())
    return Made(encode_weights(program), "size") if mode == "size" else Made(program, "balanced")


def measured(made, core, rng):
    """Return what a program takes on a core; None if the core has no room for its arrays."""
    source = generate(made.program, optimise=made.optimise)
    most = CORES[core].most_array_bytes
    largest = max(source.plan.size, largest_array_bytes(groups_of(source.program)))
    if most is not None and largest > most:
        return None
    linked = compile_for(source, CORES[core], made.optimise)
    stack, instructions = linked.stack_bytes, None
    if emulator_is_installed(CORES[core]):
        size = made.program.sizes[made.program.input.slot]
        x = rng.integers(-128, 128, (1, size)).astype(np.int8)
        run = emulate(linked, source, CORES[core], x)
        stack, instructions = run.stack_bytes, run.instructions
    return Measured(
        source.program, linked.code_bytes, _functions(linked.elf), linked.constant_bytes, stack,
        instructions,
    )  # fmt: skip


def _functions(elf):
    table = ELFFile(io.BytesIO(elf)).get_section_by_name(".symtab")
    return {
        symbol.name: int(symbol["st_size"])
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC"
    }


def kept(path, make):
    """Return what is in a file, or make it and keep it there."""
    if path is None:
        return make()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = make()
        path.write_bytes(pickle.dumps(made))
    return pickle.loads(path.read_bytes())


def measured_programs(core, mode, source, count, folder, encoding=None):
    """Return measurements of random programs, without those that the core has no room for."""

    def make():
        rng = np.random.default_rng(1)
        programs = made_programs(mode, source, count, encoding)
        rows = [measured(made, core, rng) for made in programs]
        return [row for row in rows if row is not None]

    parts = (mode, core, source, encoding)
    return kept(folder and folder / f"{'-'.join(filter(None, parts))}.pkl", make)


def measured_files(core, mode, files, folder):
    """Return measurements of models of files by name."""
    found = {}
    for path in files:

        def make(path=path):
            return measured(of_file(path, mode), core, np.random.default_rng(1))

        row = kept(folder and folder / "files" / f"{mode}-{core}-{path.name}.pkl", make)
        if row is not None:
            found[path.stem] = row
    return found
