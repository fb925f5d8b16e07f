"""TensorFlow Lite Micro as a runtime: what an image costs on a target, and what it computes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes._base import Firmware, Footprint, Packed, Target, Words
from autotiny.runtimes.tflm import interpreter, legality
from autotiny.runtimes.tflm.arena import Arena, predict_arena
from autotiny.runtimes.tflm.code_size import code_size
from autotiny.runtimes.tflm.figures import (
    make_footprint,
    overhead_ram_bytes,
    registered_operators,
)
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
    words = Words(
        code="runtime code",
        arena="tensor arena",
        overhead="statics and stack",
        basis=(
            "flash: the model, measured, and runtime code, from a table; RAM: the arena, predicted "
            "for the 32-bit target, and a reserve for statics and stack"
        ),
        title="TensorFlow Lite Micro",
    )

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
        self,
        image: bytes,
        target: Target,
        *,
        app_flash_bytes: int = 0,
        app_ram_bytes: int = 0,
        any_values: bool = False,
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

    def firmware(self, target: Target, operators: Sequence[str]) -> Firmware:
        """Return TFLM's part of a bundle; see the contract."""
        from autotiny.runtimes.tflm.firmware import firmware

        return firmware(target, operators)

    def firmware_target(self, ecosystem: str, target: Target) -> Target:
        """Return a target as an ecosystem's TFLM makes it; see the contract."""
        from autotiny.runtimes.tflm.firmware import firmware_target

        return firmware_target(ecosystem, target)

    def outputs(self, image: bytes, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """Run samples ``(n, *input_shape)`` on TFLM; returns the device's bits, ``(n, classes)``.

        Raises:
            InputError: If the samples do not fit the model.
            UnsupportedModelError: If TFLM refuses the model.
        """
        return interpreter.outputs(image, inputs, trusted=self.trusted)
