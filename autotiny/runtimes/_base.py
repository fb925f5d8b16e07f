"""The contract of a runtime: what it can run, what that costs, and how it is proved.

Nothing outside a runtime's own package may assume which runtime it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.graph import Network
from autotiny.networks.precision import LayerPrecision

if TYPE_CHECKING:
    from autotiny.runtimes._analysis import Analysis

KernelSet = Literal["reference", "cmsis-nn"]
#: How firmware is built: without log strings and assertions, or with them.
Flavour = Literal["stripped", "plain"]
#: What compiled C is made for; see ``codegen.generate``.
Optimise = Literal["size", "balanced", "speed"]
#: How a figure came to be, best first: measured, from a datasheet, predicted from measurements of
#: the same thing, estimated from measurements of something like it.
Origin = Literal["measured", "datasheet", "predicted", "estimated"]


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
        flavour: How its firmware is built: ``stripped`` (``-DNDEBUG
            -DTF_LITE_STRIP_ERROR_STRINGS``) or ``plain`` (with log strings and assertions, as
            Arduino and most IDE projects build it).
        optimise: What compiled C is made for; the interpreter has one form only.
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
    flavour: Flavour = "stripped"
    optimise: Optimise = "size"


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
        instructions: CPU instructions per inference; None if an operator's cannot be told.
        latency_s: Seconds per inference; None without a clock or without instructions.
        energy_mj: Millijoule per inference; None without a current or without a latency.
        origins: By the name of a figure, how it came to be: ``measured``, ``datasheet``,
            ``predicted`` or ``estimated`` (see :data:`Origin`).
        errors: By the name of a figure, its relative error as a fraction: the truth is expected
            within ``figure * (1 +- error)``. 0 is exact; None, or no entry (a footprint that
            version 0.1.0 stored), is an error that is not known. Latency and energy have the error
            of the instructions; the cycles per instruction are assumed.
        caveats: Sentences about what makes a figure less sure than its error says, such as an
            operator that was estimated from another one.
        runtime: Name of the runtime whose figures these are.
    """

    model_bytes: int
    runtime_bytes: int
    arena_used_bytes: int
    arena_bytes: int
    overhead_ram_bytes: int
    macs: int
    params: int
    instructions: int | None
    app_flash_bytes: int = 0
    app_ram_bytes: int = 0
    latency_s: float | None = None
    energy_mj: float | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    errors: Mapping[str, float | None] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    runtime: str = "tflm"

    def __post_init__(self) -> None:
        object.__setattr__(self, "caveats", tuple(self.caveats))  # JSON has lists only

    @property
    def flash_bytes(self) -> int:
        """All flash: model, runtime and application."""
        return self.model_bytes + self.runtime_bytes + self.app_flash_bytes

    @property
    def ram_bytes(self) -> int:
        """All RAM: arena, runtime statics and stack, and application."""
        return self.arena_bytes + self.overhead_ram_bytes + self.app_ram_bytes

    def margin(self, name: str) -> float | None:
        """Return by how much a figure may be wrong, in its own unit.

        Args:
            name: ``flash_bytes``, ``ram_bytes`` (whose parts' errors add up) or another figure.

        Returns:
            The error in bytes, instructions, seconds or millijoule; None if it is not known.
        """
        parts = {
            "flash_bytes": ("model_bytes", "runtime_bytes"),
            "ram_bytes": ("arena_bytes", "overhead_ram_bytes"),
        }.get(name, (name,))
        margins = [_margin(getattr(self, part), self.errors.get(part)) for part in parts]
        known = [margin for margin in margins if margin is not None]
        return sum(known) if len(known) == len(margins) else None


def _margin(value: float | None, error: float | None) -> float | None:
    return None if value is None or error is None else value * error


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


def checked_optimise(optimise: str, *, name: str = "--optimise") -> Optimise:
    """Return what compiled C is made for.

    Args:
        optimise: What was asked for.
        name: Where it was asked for, named in the error.

    Raises:
        InputError: If there is no such form.
    """
    if optimise not in get_args(Optimise):
        allowed = ", ".join(get_args(Optimise))
        raise InputError(f"{name} must be one of {allowed}; got {optimise!r}.")
    return cast(Optimise, optimise)


def latency_s(instructions: int | None, target: Target) -> float | None:
    """Return predicted seconds for a number of instructions; None without a clock or a number.

    Raises:
        InputError: If the target's clock or cycles per instruction are not positive.
    """
    if target.clock_hz is None or instructions is None:
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
        sparse: Weight tensors that are stored in fewer bytes the more of their weights are zero.
    """

    image: bytes
    encodings: Mapping[str, str]
    sparse: frozenset[str] = frozenset()


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


@dataclass(frozen=True)
class Firmware:
    """A runtime's own part of a bundle.

    Attributes:
        templates: Folder of its templates, which may use ``values`` and what every template may.
        values: What its templates and those of the ecosystems know of it.
        title: The runtime with its version, as a person would say it.
    """

    templates: Path
    values: Mapping[str, Any]
    title: str


@dataclass(frozen=True)
class Words:
    """What people call the parts of a footprint.

    Attributes:
        code: Of ``runtime_bytes``.
        arena: Of ``arena_bytes``.
        overhead: Of ``overhead_ram_bytes``.
        basis: Where the sizes come from, as the part of a caption.
        title: The runtime itself.
    """

    code: str
    arena: str
    overhead: str
    basis: str
    title: str


class Runtime(Protocol):
    """One inference runtime for microcontrollers."""

    name: str
    words: Words

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
        encodings: Mapping[str, str] | None = None,
        any_values: bool = False,
    ) -> Packed:
        """Turn a full quantised .tflite into the smallest image the target runs bit for bit.

        Args:
            model: Full int8 flatbuffer, weights dense or int4, names intact.
            target: What it will run on.
            arena_limit: Arena bytes that a choice of encoding must not exceed; None: no limit.
            grow_arena: Whether encodings may take more arena than the model needs without them.
            encodings: How tensors must be stored, by name, as ``Packed.encodings`` tells it; what
                it leaves out is chosen.
            any_values: Choose only encodings whose bytes do not depend on how often which weight
                but zero occurs, as for a model whose weights are not trained yet.

        Raises:
            InputError: If a tensor cannot be stored as asked.
        """
        ...

    def footprint(
        self,
        image: bytes,
        target: Target,
        *,
        app_flash_bytes: int = 0,
        app_ram_bytes: int = 0,
        any_values: bool = False,
    ) -> Footprint:
        """Return what the image costs on the target.

        Args:
            image: Of ``pack``.
            target: What it runs on.
            app_flash_bytes: Flash that the application takes besides.
            app_ram_bytes: RAM that the application takes besides.
            any_values: RAM must be no less than with any other values of the weights, as for a
                model that is not trained yet.

        Raises:
            UnsupportedModelError: If the target cannot run it, or an operator has no known cost.
        """
        ...

    def firmware(self, target: Target, operators: Sequence[str]) -> Firmware:
        """Return what the runtime adds to a bundle for a target.

        Raises:
            UnsupportedModelError: If it cannot run an operator.
        """
        ...

    def firmware_target(self, ecosystem: str, target: Target) -> Target:
        """Return the target as the runtime of an ecosystem makes it.

        Args:
            ecosystem: A folder of firmware_templates.
            target: What the user names.

        Raises:
            InputError: If that runtime does not compile for the target.
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
