"""A model's C code as a project: sources, self-test, CMake, the layout of an Arduino library."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes._base import Optimise
from autotiny.runtimes.c.codegen import Source, environment
from autotiny.runtimes.c.measure.compiler import STANDARD, flags_of


@dataclass(frozen=True)
class Golden:
    """Inputs and the outputs that TFLM gives for them.

    Attributes:
        inputs: int8, ``(n, input bytes)``.
        outputs: int8, ``(n, output bytes)``.
    """

    inputs: NDArray[np.int8]
    outputs: NDArray[np.int8]


@dataclass(frozen=True)
class Made:
    """How the code is meant to be compiled.

    Attributes:
        optimise: What it was generated for.
        core: Name of the core that it is for.
    """

    optimise: Optimise
    core: str


def project_files(
    source: Source, golden: Golden, made: Made, *, figures: Sequence[str], title: str
) -> Mapping[str, str]:
    """Return path to contents of every file.

    Args:
        source: The code.
        golden: What its self-test compares.
        made: How it is meant to be compiled.
        figures: Lines about what it takes, for people.
        title: What the model is.
    """
    templates = environment()
    values = {
        "name": source.name, "NAME": source.name.upper(), "title": title, "figures": figures,
        "stack": f"{source.name.upper()}_STACK_BYTES" in source.header,
        "program": source.program, "plan": source.plan,
        "inputs": _rows(golden.inputs), "outputs": _rows(golden.outputs),
        "optimise": made.optimise, "avr": made.core == "avr", "standard": STANDARD,
        "flags": flags_of(made.optimise), "count": len(golden.inputs),
        "library": _library_name(source.name),
    }  # fmt: skip
    rendered = {
        path: templates.get_template(template).render(values)
        for path, template in (
            ("CMakeLists.txt", "CMakeLists.txt.j2"),
            ("README.md", "README.md.j2"),
            ("library.properties", "library.properties.j2"),
            ("test/selftest.c", "selftest.c.j2"),
        )
    }
    return {
        f"src/{source.name}.h": source.header,
        f"src/{source.name}.c": source.code,
        **rendered,
    }


def _rows(values: NDArray[np.int8]) -> list[str]:
    return [", ".join(map(str, row.ravel().tolist())) for row in values]


def _library_name(name: str) -> str:
    """Return a name that the Arduino library manager accepts."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60]
