"""The contract of a runtime: what it can run, what that costs, and how it is proved.

Nothing outside a runtime's own package may assume which runtime it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.network import Network
from autotiny.precision import LayerPrecision

if TYPE_CHECKING:
    from autotiny.runtimes._analysis import Analysis

KernelSet = Literal["reference", "cmsis-nn"]


@dataclass(frozen=True)
class Target:
    """What a model will run on, as far as footprints and legality depend on it.

    Attributes:
        name: Device name, or ``generic``.
        kernels: Which kernels the firmware links.
        core: Arm core or other CPU, as in ``cortex-m4``; scratch sizes depend on it.
        tflm_version: Which TFLM its firmware is built with; features and memory follow from it.
        has_decode: Its TFLM has the DECODE operator; None: as its version.
        has_per_channel_fc: It has per-channel FULLY_CONNECTED; None: as its version.
        has_int4: It has packed 4-bit weights; None: as its version.
        clock_hz: CPU clock; None when no device was named (no latency in time units).
        cycles_per_instruction: Assumed mean for the core.
        active_ma: Supply current while computing, from the datasheet, in milliampere.
        supply_v: Supply voltage for that current.
    """

    name: str = "generic"
    kernels: KernelSet = "reference"
    core: str = "cortex-m4"
    tflm_version: str = "2026-08"
    has_decode: bool | None = None
    has_per_channel_fc: bool | None = None
    has_int4: bool | None = None
    clock_hz: int | None = None
    cycles_per_instruction: float = 1.0
    active_ma: float | None = None
    supply_v: float | None = None


@dataclass(frozen=True)
class Footprint:
    """Flash and RAM of one image on one target, in bytes, as parts that add up.

    Attributes:
        model_bytes: The image: what is flashed of the model.
        runtime_bytes: The runtime's code for the operators used (from its data table).
        app_flash_bytes: What the user's own application takes (``--app-flash``).
        arena_used_bytes: Tensor arena in use after start-up on the 32-bit target.
        arena_bytes: Smallest arena that starts; what firmware must reserve.
        overhead_ram_bytes: The runtime's statics and stack reserve.
        app_ram_bytes: What the user's own application takes (``--app-ram``).
        macs: Multiply-accumulate operations per inference.
        params: Number of weight and bias values.
        instructions: Predicted CPU instructions per inference.
        latency_s: Predicted seconds per inference; None without a clock.
        energy_mj: Predicted millijoule per inference; None without a current.
        origins: For each figure, ``measured``, ``predicted`` or ``datasheet``.
    """

    model_bytes: int
    runtime_bytes: int
    arena_used_bytes: int
    arena_bytes: int
    overhead_ram_bytes: int
    macs: int
    params: int
    instructions: int
    app_flash_bytes: int = 0
    app_ram_bytes: int = 0
    latency_s: float | None = None
    energy_mj: float | None = None
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def flash_bytes(self) -> int:
        """All flash: model, runtime and application."""
        return self.model_bytes + self.runtime_bytes + self.app_flash_bytes

    @property
    def ram_bytes(self) -> int:
        """All RAM: arena, runtime statics and stack, and application."""
        return self.arena_bytes + self.overhead_ram_bytes + self.app_ram_bytes


def checked_kernels(kernels: str, core: str, *, name: str = "--kernels") -> KernelSet:
    """Return a kernel set that a core can run.

    Args:
        kernels: What was asked for.
        core: CPU, as in ``cortex-m4``.
        name: Where it was asked for, named in the error.

    Raises:
        InputError: If there are no such kernels, or they are not for this core.
    """
    if kernels not in get_args(KernelSet):
        allowed = ", ".join(get_args(KernelSet))
        raise InputError(f"{name} must be one of {allowed}; got {kernels!r}.")
    if kernels == "cmsis-nn" and not core.startswith("cortex-m"):
        raise InputError(f"{name} cmsis-nn needs a cortex-m core; the device's is {core}.")
    return cast(KernelSet, kernels)


def latency_s(instructions: int, target: Target) -> float | None:
    """Return predicted seconds for a number of instructions; None without a clock.

    Raises:
        InputError: If the target's clock or cycles per instruction are not positive.
    """
    if target.clock_hz is None:
        return None
    if target.clock_hz <= 0 or target.cycles_per_instruction <= 0:
        raise InputError(
            f"A target's clock and cycles per instruction must be positive; {target.name} has "
            f"{target.clock_hz} Hz and {target.cycles_per_instruction}."
        )
    return instructions * target.cycles_per_instruction / target.clock_hz


def energy_mj(latency: float | None, target: Target) -> float | None:
    """Return predicted millijoule: seconds x milliampere x volt; None without a current."""
    if latency is None or target.active_ma is None or target.supply_v is None:
        return None
    return latency * target.active_ma * target.supply_v


@dataclass(frozen=True)
class Packed:
    """A model made ready for flash.

    Attributes:
        image: The bytes that are flashed.
        encodings: Weight tensor name to the encoding it is stored with (``int8``, ``int4``,
            ``lut3/channel``, ``pruned``, …).
    """

    image: bytes
    encodings: Mapping[str, str]


@dataclass(frozen=True)
class PrecisionCosts:
    """What the precisions of a network's layers would cost in flash, before anything is lowered.

    Attributes:
        options: Layer name to the precisions other than int8 that the target can run.
        layer_bytes: Weight bytes of a layer at a precision, given the parts of ``code_bytes`` that
            are linked: compressed storage is to be had only with them.
        code_bytes: Part of the runtime to the bytes it takes once, if anything needs it.
        needs: The parts of ``code_bytes`` that a precision needs.
    """

    options: Mapping[str, Sequence[LayerPrecision]]
    layer_bytes: Callable[[str, LayerPrecision, frozenset[str]], int]
    code_bytes: Mapping[str, int]
    needs: Callable[[LayerPrecision], frozenset[str]]


class Runtime(Protocol):
    """One inference runtime for microcontrollers."""

    name: str

    def precision_costs(
        self, network: Network, target: Target, zeros: Mapping[str, int] | None = None
    ) -> PrecisionCosts:
        """Return the precisions that each layer may have on a target, and what they cost.

        Args:
            network: Layers in order.
            target: What they will run on.
            zeros: How many weights of a kernel are zero, by array name.
        """
        ...

    def overhead_ram_bytes(self, target: Target) -> int:
        """Return the RAM that the runtime takes besides the arena: statics and stack reserve."""
        ...

    def pack(
        self,
        model: bytes,
        target: Target,
        *,
        arena_limit: int | None = None,
        grow_arena: bool = True,
    ) -> Packed:
        """Turn a full quantised .tflite into the smallest image the target runs bit for bit.

        Args:
            model: Full int8 flatbuffer, weights dense or int4, names intact.
            target: What it will run on.
            arena_limit: Arena bytes that a choice of encoding must not exceed; None: no limit.
            grow_arena: Whether encodings may take more arena than the model needs without them.
        """
        ...

    def footprint(
        self, image: bytes, target: Target, *, app_flash_bytes: int = 0, app_ram_bytes: int = 0
    ) -> Footprint:
        """Return what the image costs on the target.

        Raises:
            UnsupportedModelError: If the target cannot run it, or an operator has no known cost.
        """
        ...

    def outputs(self, image: bytes, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """Run samples one by one on the runtime itself.

        Args:
            image: Image or full model.
            inputs: Quantised samples, shape ``(n, *input_shape)``.

        Returns:
            Quantised outputs, shape ``(n, classes)``: the device's bits.
        """
        ...

    def analyze(
        self, data: bytes, target: Target, *, app_flash_bytes: int = 0, app_ram_bytes: int = 0
    ) -> "Analysis":
        """Return everything that is known about any model file on a target.

        Args:
            data: The file, whoever made it.
            target: What it would run on.
            app_flash_bytes: Flash that the application takes besides.
            app_ram_bytes: RAM that the application takes besides.

        Raises:
            InputError: If the file is no sound model.
        """
        ...
