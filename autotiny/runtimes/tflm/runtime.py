"""TensorFlow Lite Micro as a runtime: what an image costs on a target, and what it computes."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes._base import Footprint, Origin, Packed, Target, energy_mj, latency_s
from autotiny.runtimes.tflm import instructions, interpreter, legality
from autotiny.runtimes.tflm.arena import Arena, predict_arena
from autotiny.runtimes.tflm.code_size import CodeSize, code_size
from autotiny.tflite.reader import Model, read_model

if TYPE_CHECKING:
    from autotiny.networks.graph import Network
    from autotiny.runtimes._analysis import Analysis
    from autotiny.runtimes._base import PrecisionCosts


class TflmRuntime:
    """The Runtime contract for TFLM.

    Attributes:
        name: ``tflm``.
        trusted: Models come from autotiny itself and run in this process; others must run in a
            worker process, since they may crash it.
    """

    name = "tflm"

    def __init__(self, *, trusted: bool = True) -> None:
        self.trusted = trusted

    def precision_costs(
        self, network: "Network", target: Target, zeros: Mapping[str, int] | None = None
    ) -> "PrecisionCosts":
        """Return the precisions of every layer and what they cost; see the contract."""
        from autotiny.runtimes.tflm.precision_costs import precision_costs

        return precision_costs(network, target, zeros)

    def overhead_ram_bytes(self, target: Target) -> int:
        """Return the reserve for statics and stack; see the contract."""
        return overhead_ram_bytes()

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
        """Turn a full quantised .tflite into the smallest image; see the contract."""
        from autotiny.runtimes.tflm.encodings import ENCODINGS
        from autotiny.runtimes.tflm.packing import pack

        bounded = [name for name, encoding in ENCODINGS.items() if encoding.bounded]
        return pack(
            model,
            target,
            arena_limit=arena_limit,
            grow_arena=grow_arena,
            encodings=encodings,
            allowed=bounded if any_values else None,
        )

    def footprint(
        self, image: bytes, target: Target, *, app_flash_bytes: int = 0, app_ram_bytes: int = 0
    ) -> Footprint:
        """Return what an image costs on a target, in bytes, seconds and millijoule.

        Raises:
            InputError: If the image is no sound TFLite model.
            UnsupportedModelError: If the target cannot run it, or an operator has no known cost.
        """
        model = read_model(image)
        legality.check(model, target)
        code = code_size(registered_operators(model), target)
        arena = self.arena(image, target, model=model)
        return make_footprint(image, model, target, arena, code, app_flash_bytes, app_ram_bytes)

    def analyze(
        self, data: bytes, target: Target, *, app_flash_bytes: int = 0, app_ram_bytes: int = 0
    ) -> "Analysis":
        """Return everything that is known about a .tflite file; see the contract."""
        from autotiny.runtimes.tflm.analysis import analyze

        return analyze(data, target, app_flash_bytes=app_flash_bytes, app_ram_bytes=app_ram_bytes)

    def recorded_head(self, image: bytes) -> int:
        """Return the bytes of the arena's head that TFLM records with the reference kernels.

        Raises:
            UnsupportedModelError: If TFLM refuses the model.
        """
        return interpreter.recorded_arena(image, trusted=self.trusted)[0]

    def arena(
        self,
        image: bytes,
        target: Target,
        *,
        model: Model | None = None,
        recorded: int | None = None,
    ) -> Arena:
        """Return the arena on a target, its head recorded by TFLM where the kernels are the same.

        Args:
            image: Image or full model.
            target: The target.
            model: The image as read, to save reading it again.
            recorded: What ``recorded_head`` gave, to save recording it again.

        Raises:
            UnsupportedModelError: If TFLM refuses the model or an operator's memory is not known.
        """
        model = model or read_model(image)
        # TFLM must accept the model whatever the kernel set: its refusals are the device's too.
        head = recorded if recorded is not None else self.recorded_head(image)
        return predict_arena(model, target, recorded_head=head)

    def outputs(self, image: bytes, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """Run samples ``(n, *input_shape)`` on TFLM; returns the device's bits, ``(n, classes)``.

        Raises:
            InputError: If the samples do not fit the model.
            UnsupportedModelError: If TFLM refuses the model.
        """
        return interpreter.outputs(image, inputs, trusted=self.trusted)


def registered_operators(model: Model) -> tuple[str, ...]:
    """Return the operators that firmware for a model registers.

    Where there are several subgraphs, which only the first is read of, these are all that the file
    declares.
    """
    if model.subgraphs == 1:
        return model.operator_names
    declared = (code.name for code in model.operator_codes)
    return tuple(dict.fromkeys((*model.operator_names, *declared)))


def make_footprint(
    image: bytes,
    model: Model,
    target: Target,
    arena: Arena,
    code: CodeSize,
    app_flash_bytes: int = 0,
    app_ram_bytes: int = 0,
) -> Footprint:
    """Return a footprint from its parts, and predict instructions, latency and energy.

    Where an operator's instructions cannot be told, neither can the model's, nor its latency.
    """
    work = instructions.model_work(model, target)
    latency = latency_s(work.instructions, target)
    return Footprint(
        model_bytes=len(image),
        runtime_bytes=code.size,
        arena_used_bytes=arena.used,
        arena_bytes=arena.smallest,
        overhead_ram_bytes=overhead_ram_bytes(),
        macs=work.macs,
        params=instructions.parameter_count(model),
        instructions=work.instructions,
        app_flash_bytes=app_flash_bytes,
        app_ram_bytes=app_ram_bytes,
        latency_s=latency,
        energy_mj=energy_mj(latency, target),
        origins=origins(code, work),
        errors=errors(code, work),
        caveats=work.unaccounted,
    )


_MEASURED = ("model_bytes", "macs", "params")
_FROM_INSTRUCTIONS = ("instructions", "latency_s", "energy_mj")
_FROM_ARENA = ("arena_used_bytes", "arena_bytes")


def origins(code: CodeSize | None, work: instructions.Work) -> dict[str, Origin]:
    """Return how each figure of a footprint came to be."""
    found: dict[str, Origin] = dict.fromkeys(_MEASURED, "measured")
    found |= dict.fromkeys((*_FROM_ARENA, "overhead_ram_bytes"), "predicted")
    found |= dict.fromkeys(_FROM_INSTRUCTIONS, work.origin)
    return found | {"runtime_bytes": code.origin if code else "estimated"}


def errors(code: CodeSize | None, work: instructions.Work) -> dict[str, float | None]:
    """Return the relative error of each figure of a footprint.

    The arena's rule has no error where it was measured, and the reserve for statics and stack is
    no measurement: it is what the firmware sets aside.
    """
    found: dict[str, float | None] = dict.fromkeys(_MEASURED, 0.0)
    found |= dict.fromkeys((*_FROM_ARENA, "overhead_ram_bytes"), 0.0)
    found |= dict.fromkeys(_FROM_INSTRUCTIONS, work.error)
    return found | {"runtime_bytes": code.error if code else None}


@cache
def _reserve() -> dict[str, Any]:
    import yaml

    text = files("autotiny.runtimes.tflm").joinpath("reserve.yaml").read_text("utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data


def overhead_ram_bytes() -> int:
    """Return the reserve for the runtime's statics and stack."""
    return int(_reserve()["statics"]) + int(_reserve()["stack"])
