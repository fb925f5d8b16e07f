"""Flash that TFLM's code takes for the operators a model uses, from measured builds.

A program holds the code of its operators, each piece once: the tables say which pieces every
operator needs, so that the sum over a set is the size of the pieces' union.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Origin, Target
from autotiny.runtimes.tflm.tables import load_table, measured_core


@dataclass(frozen=True)
class CodeSize:
    """Flash that the runtime takes.

    Attributes:
        size: Bytes of interpreter, start-up and kernels, without the model.
        origin: ``predicted``, or ``estimated`` on a core that was not measured.
        error: Relative error.
        note: Which build it comes from.
    """

    size: int
    origin: Origin
    error: float
    note: str


def table(kernels: str) -> Mapping[str, Any]:
    """Return the table of a kernel set; see the comments in the file."""
    return load_table(f"code_size_{kernels}")


def known_operators(kernels: str = "reference") -> tuple[str, ...]:
    """Return the operators whose code was measured: all that TFLM registers."""
    return tuple(table(kernels)["own"])


def code_size(operators: Iterable[str], target: Target) -> CodeSize:
    """Return the flash of interpreter, start-up and kernels.

    Args:
        operators: Names of the operators a model uses; repeats do not matter.
        target: Its core, kernel set and flavour decide the build.

    Raises:
        UnsupportedModelError: If an operator is none of TFLM's.
    """
    data, core = table(target.kernels), measured_core(target.core)
    column = data["builds"].index(f"{core.name} {target.flavour}")
    used = set(operators)
    for name in sorted(used):
        if name not in data["own"]:
            raise UnsupportedModelError(
                f"The code size of operator {name} is not known; it is for the operators that "
                f"TFLM has, from {min(data['own'])} to {max(data['own'])}."
            )
    parts = {part for name in used for part in data["needs"].get(name, ())}
    size = data["core"][column] + sum(data["own"][name][column] for name in used)
    size += sum(data["parts"][part][column] for part in parts)
    return CodeSize(
        size,
        "estimated" if core.code_error else "predicted",
        data["error"] + core.code_error,
        _note(target, core.name, data["compiler"]),
    )


def runtime_bytes(operators: Iterable[str], target: Target) -> int:
    """Return the size alone; see :func:`code_size`."""
    return code_size(operators, target).size


def _note(target: Target, core: str, compiler: str) -> str:
    """Return the build in words, and that it stands for another core's if it does."""
    strings = "without" if target.flavour == "stripped" else "with"
    same = measured_core(target.core).code_error == 0
    stands = "" if same else f", which stand for those of {target.core}"
    return (
        f"{target.kernels} kernels linked for {core} {strings} log strings ({target.flavour}) by "
        f"{compiler}{stands}"
    )
