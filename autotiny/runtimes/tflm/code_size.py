"""Flash that TFLM's code takes for the operators a model uses, from measured builds.

A program holds the code of its operators, each piece once: the tables say which pieces every
operator needs, so that the sum over a set is the size of the pieces' union.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Origin, Target
from autotiny.runtimes.tflm.tables import Stand, code_stand


@dataclass(frozen=True)
class CodeSize:
    """Flash that the runtime takes.

    Attributes:
        size: Bytes of interpreter, start-up and kernels, without the model.
        origin: ``predicted``, or ``estimated`` where another build stands for the target's.
        error: Relative error.
        note: Which build it comes from.
    """

    size: int
    origin: Origin
    error: float
    note: str


def known_operators(target: Target) -> tuple[str, ...]:
    """Return the operators whose code was measured: all that the target's TFLM registers."""
    return tuple(code_stand(target).table["own"])


def code_size(operators: Iterable[str], target: Target) -> CodeSize:
    """Return the flash of interpreter, start-up and kernels.

    Args:
        operators: Names of the operators a model uses; repeats do not matter.
        target: Its TFLM, kernels, core and flavour decide the build.

    Raises:
        UnsupportedModelError: If an operator is none of TFLM's.
    """
    stand, used = code_stand(target), set(operators)
    data = stand.table
    for name in sorted(used):
        if name not in data["own"]:
            raise UnsupportedModelError(
                f"The code size of operator {name} is not known; it is for the "
                f"{len(data['own'])} operators that the target's TFLM has."
            )
    column = data["builds"].index(stand.build)
    parts = {part for name in used for part in data["needs"].get(name, ())}
    size = data["core"][column] + sum(data["own"][name][column] for name in used)
    size += sum(data["parts"][part][column] for part in parts)
    origin: Origin = "estimated" if stand.error else "predicted"
    return CodeSize(size, origin, data["error"] + stand.error, _note(target, stand))


def runtime_bytes(operators: Iterable[str], target: Target) -> int:
    """Return the size alone; see :func:`code_size`."""
    return code_size(operators, target).size


def _note(target: Target, stand: Stand) -> str:
    """Return the build in words, and what it stands for if that is another one."""
    core, flavour = stand.build.split()
    strings = "without" if flavour == "stripped" else "with"
    note = (
        f"{stand.kernels} kernels linked for {core} {strings} log strings ({flavour}) by "
        f"{stand.table['compiler']}"
    )
    if not stand.error:
        return note
    return f"{note}, which stand for {target.kernels} kernels on {target.core} ({target.flavour})"
