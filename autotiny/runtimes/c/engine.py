"""From a .tflite file to proved C code with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import AutotinyError, InputError, UnsupportedModelError
from autotiny.runtimes._base import Optimise
from autotiny.runtimes.c.codegen import Source, generate, with_stack
from autotiny.runtimes.c.encoding import encode_weights, encodings_of
from autotiny.runtimes.c.figures import origins_of, predicted, sentences, stack_of
from autotiny.runtimes.c.groups import constant_bytes, groups_of, largest_array_bytes
from autotiny.runtimes.c.host import host_compiler, run_on_host
from autotiny.runtimes.c.measure.compiler import (
    compile_for,
    compiler_is_installed,
    compiler_version,
)
from autotiny.runtimes.c.measure.cores import CORES, Core, core_of
from autotiny.runtimes.c.measure.emulator import emulate, emulator_is_installed
from autotiny.runtimes.c.program import Program
from autotiny.runtimes.c.project import Golden, Made, project_files
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

_SAMPLES, _GOLDEN, _GOLDEN_BYTES = 64, 8, 16 * 1024


@dataclass(frozen=True)
class Engine:
    """A model's C code, its figures and what proved it.

    Attributes:
        source: The code.
        files: The project, path to contents.
        facts: Figures for programs; None where one is not known.
        sentences: The same for people.
    """

    source: Source
    files: Mapping[str, str]
    facts: Mapping[str, Any]
    sentences: tuple[str, ...]


def checked_core(name: str) -> Core:
    """Return the core that code is measured for.

    Raises:
        InputError: If there is none of that name.
    """
    if (found := core_of(name)) is not None:
        return found
    raise InputError(f"A core must be one of {', '.join(CORES)}; got {name!r}.")


def build_engine(
    data: bytes, name: str, optimise: Optimise, core: Core, *, title: str, seed: int = 0
) -> Engine:
    """Return the C code of a model, compared bit for bit with TFLM where it can be run.

    Args:
        data: A .tflite file, whoever made it.
        name: Prefix of everything that the code exports.
        optimise: What for.
        core: Which core it is measured on.
        title: What the model is called.
        seed: Of the random inputs that are compared.

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If the runtime cannot run it.
        AutotinyError: If the code does not do what TFLM does.
    """
    program = read_program(data)
    if optimise == "size":  # decoding takes instructions
        program = encode_weights(program, core=core.name)
    source = generate(program, name, optimise=optimise, told=(f"From {_plain(title)}.",))
    _require_room(source, core)
    inputs = _samples(program, seed)
    wanted = outputs(data, inputs)
    proofs = _prove_on_host(source, inputs, wanted)
    facts: dict[str, Any] = {
        "name": name, "optimise": optimise, "core": core.name, "macs": program.macs,
        "work_bytes": source.plan.size, "encodings": list(encodings_of(program).values()),
        "constant_bytes": constant_bytes(groups_of(source.program)),
        "code_bytes": None, "flash_bytes": None, "stack_bytes": None, "ram_bytes": None,
        "instructions": None, "compiler": None,
    }  # fmt: skip
    if compiler_is_installed(core):
        linked = compile_for(source, core, optimise)
        facts |= {
            "compiler": compiler_version(core), "code_bytes": linked.code_bytes,
            "constant_bytes": linked.constant_bytes, "flash_bytes": linked.flash_bytes,
        }  # fmt: skip
        if linked.stack_bytes is not None:
            facts["stack_bytes"] = linked.stack_bytes
            facts["ram_bytes"] = source.plan.size + linked.stack_bytes
        if emulator_is_installed(core):
            few = inputs[:2].reshape(2, -1)
            emulated = emulate(linked, source, core, few)
            _compare(emulated.outputs, wanted[:2], f"the emulated {core.name}")
            proofs.append(f"2 inputs on the emulated {core.name}")
            facts |= {
                "stack_bytes": emulated.stack_bytes,
                "ram_bytes": source.plan.size + emulated.stack_bytes,
                "instructions": emulated.instructions,
            }
    facts |= {"proved": proofs, "origins": origins_of(facts), "errors": {}}
    facts |= predicted(source, facts)
    told = sentences(facts)
    source = with_stack(source, stack_of(facts))
    count = max(1, min(_GOLDEN, _GOLDEN_BYTES // (inputs[0].size + wanted[0].size)))
    golden = Golden(inputs[:count], wanted[:count])
    made = Made(optimise, core.name)
    files = project_files(source, golden, made, figures=told, title=_plain(title))
    return Engine(source, files, facts, told)


def _require_room(source: Source, core: Core) -> None:
    """Refuse arrays that a core's compiler cannot have.

    Raises:
        UnsupportedModelError: If one is larger.
    """
    largest = largest_array_bytes(groups_of(source.program))
    if core.most_array_bytes is not None and largest > core.most_array_bytes:
        raise UnsupportedModelError(
            f"Constants for {core.name} must take {core.most_array_bytes:,} B each at the most; a "
            f"layer of this model has {largest:,} B. A smaller model, or another core, has room."
        )


def _samples(program: Program, seed: int) -> NDArray[np.int8]:
    shape = (_SAMPLES, *program.input.shape[1:])
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def _prove_on_host(source: Source, inputs: NDArray[np.int8], wanted: NDArray[np.int8]) -> list[str]:
    compiler = host_compiler()
    if compiler is None:
        return []
    _compare(run_on_host(source, inputs, compiler=compiler), wanted, "this computer")
    return [f"{len(inputs)} inputs on this computer"]


def _compare(got: NDArray[np.int8], wanted: NDArray[np.int8], where: str) -> None:
    differing = int((got != wanted.reshape(got.shape)).any(axis=1).sum())
    if differing:
        raise AutotinyError(
            f"The C code does not give TFLM's outputs on {where}: {differing} of {len(got)} differ."
            " Please report the model."
        )


def _plain(title: str) -> str:
    """Return a title that no comment ends at."""
    return "".join(c if c.isprintable() else "?" for c in title).replace("*/", "* /")
