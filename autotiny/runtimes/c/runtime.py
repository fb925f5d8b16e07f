"""Compiled C as a runtime: what a model costs as C code, and what it computes."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes._base import (
    Firmware,
    Footprint,
    Packed,
    Target,
    Words,
    energy_mj,
    latency_s,
)
from autotiny.runtimes.c.costs.predict import predict_costs
from autotiny.runtimes.c.encoding import encodings_of, stored_program
from autotiny.runtimes.c.figures import CONSTANTS_ERROR
from autotiny.runtimes.c.groups import constant_bytes, groups_of
from autotiny.runtimes.c.memory import plan_memory
from autotiny.runtimes.c.program import Program, Step
from autotiny.runtimes.tflm import interpreter

if TYPE_CHECKING:
    from autotiny.networks.graph import Network
    from autotiny.runtimes._analysis import Analysis
    from autotiny.runtimes._base import PrecisionCosts


#: By how much small and fast code may be larger with other values of the weights, which decide what
#: is a constant and what a field, and which helpers rescale (random networks on Cortex-M4 and AVR,
#: other weights against the stand-in: 5.5 % and 6.8 % at the most).
_OTHER_VALUES, _OTHER_VALUES_FAST = 0.06, 0.1
#: Encodings that take fewer bytes the more weights are zero.
_SPARSE = ("pruned", "blocks")


class CRuntime:
    """The Runtime contract for compiled C.

    The image is the int8 model itself: its C code is made of it, the same every time. What is
    flashed is that code's constants (``model_bytes``) and functions (``runtime_bytes``).

    Attributes:
        name: ``c``.
        trusted: Models come from autotiny itself.
    """

    name = "c"
    words = Words(
        code="C functions",
        arena="activations",
        overhead="stack",
        basis=(
            "flash: constants and C functions, predicted from programs that were compiled; "
            "RAM: activations, exact, and the deepest stack of those programs"
        ),
        title="compiled C",
    )

    def __init__(self, *, trusted: bool = True) -> None:
        self.trusted = trusted

    def precision_costs(
        self, network: "Network", target: Target, zeros: Mapping[str, int] | None = None
    ) -> "PrecisionCosts":
        """Return the precisions of every layer and what they cost; see the contract."""
        from autotiny.runtimes.c.precision_costs import precision_costs

        return precision_costs(network, zeros or {}, target.optimise)

    def overhead_ram_bytes(self, target: Target) -> int:
        """Return the deepest stack of all that were measured; there is nothing else."""
        return predict_costs((), target.core, target.optimise).stack_bytes

    def pack(
        self,
        model: bytes,
        target: Target,
        *,
        arena_limit: int | None = None,
        grow_arena: bool = True,
        encodings: Mapping[str, str] | None = None,
        any_values: bool = False,
    ) -> Packed:
        """Return the model and how its weights are stored; see the contract.

        No encoding takes RAM here, so the smallest is the best whatever the limit. What is asked
        for is held against the names there are, no more: an image does not carry encodings, they
        follow from its weights and the core.
        """
        program = stored_program(model, target.core, target.optimise, any_values=any_values)
        chosen = {program.steps[i].label: name for i, name in encodings_of(program).items()}
        for name in encodings or {}:
            if name not in chosen:
                raise InputError(f"There are no weights called {name}.")
        sparse = frozenset(name for name, encoding in chosen.items() if encoding in _SPARSE)
        return Packed(model, chosen, sparse)

    def footprint(
        self,
        image: bytes,
        target: Target,
        *,
        app_flash_bytes: int = 0,
        app_ram_bytes: int = 0,
        any_values: bool = False,
    ) -> Footprint:
        """Return what a model costs as C code on a target; see the contract.

        Other values of the weights may be stored in other ways, whose functions may need more code
        and another stack: ``any_values`` counts what those may take, and the deepest stack of all.

        Raises:
            InputError: If the image is no sound TFLite model.
            UnsupportedModelError: If the runtime cannot run it.
        """
        program = stored_program(image, target.core, target.optimise, any_values=any_values)
        groups = groups_of(program)
        costs = predict_costs(groups, target.core, target.optimise)
        plan = plan_memory(program)
        stack = self.overhead_ram_bytes(target) if any_values else costs.stack_bytes
        more = _OTHER_VALUES if target.optimise == "size" else _OTHER_VALUES_FAST
        code = math.ceil(costs.code_bytes * (1 + more * any_values))
        latency = latency_s(costs.instructions, target)
        return Footprint(
            model_bytes=constant_bytes(groups),
            runtime_bytes=code,
            arena_used_bytes=plan.size,
            arena_bytes=plan.size,
            overhead_ram_bytes=stack,
            macs=program.macs,
            params=_params(program),
            instructions=costs.instructions,
            app_flash_bytes=app_flash_bytes,
            app_ram_bytes=app_ram_bytes,
            runtime=self.name,
            latency_s=latency,
            energy_mj=energy_mj(latency, target),
            origins={
                "model_bytes": "predicted",
                "runtime_bytes": costs.origin,
                "arena_bytes": "measured",
                "arena_used_bytes": "measured",
                "overhead_ram_bytes": costs.origin,
                "instructions": costs.origin,
                "latency_s": costs.origin,
                "energy_mj": costs.origin,
            },
            errors={
                "model_bytes": CONSTANTS_ERROR,
                "runtime_bytes": costs.code_error,
                "arena_bytes": 0.0,
                "arena_used_bytes": 0.0,
                "overhead_ram_bytes": costs.stack_error,
                "instructions": costs.instructions_error,
                "latency_s": costs.instructions_error,
                "energy_mj": costs.instructions_error,
            },
        )

    def analyze(
        self, data: bytes, target: Target, *, app_flash_bytes: int = 0, app_ram_bytes: int = 0
    ) -> "Analysis":
        """Refuse: layers are told apart for TFLM only."""
        raise UnsupportedModelError(
            "A model is analysed layer by layer for the tflm runtime; `autotiny compile` tells "
            "what it takes as C code."
        )

    def firmware(self, target: Target, operators: Sequence[str]) -> Firmware:
        """Refuse: a project of C code is written by ``engine``."""
        raise UnsupportedModelError("The c runtime writes its own project.")

    def firmware_target(self, ecosystem: str, target: Target) -> Target:
        """Return the target: C compiles everywhere."""
        return target

    def outputs(self, image: bytes, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the device's bits, ``(n, classes)``: those of TFLM, as every export proves.

        Raises:
            InputError: If the samples do not fit the model.
            UnsupportedModelError: If TFLM refuses the model.
        """
        return interpreter.outputs(image, inputs, trusted=self.trusted)


def _params(program: Program) -> int:
    """Return the number of weights and biases."""
    return sum(
        step.arrays["bias"].size + step.macs // _places(step)
        for step in program.steps
        if "weights" in step.arrays
    )


def _places(step: Step) -> int:
    """Return at how many places the weights are read."""
    n = step.numbers
    return n.get("places", n.get("out_h", 1) * n.get("out_w", 1))
