"""What a device is, and the target it makes."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Gt, MinLen

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Flavour, KernelSet, Target

Text = Annotated[str, MinLen(1)]
Bytes = Annotated[int, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class Device:
    """One microcontroller as its YAML file describes it; the folder's README decodes the fields.

    Attributes:
        name: The file's name without ``.yaml``.
        title: Board and chip as a person would say them.
        vendor: Who makes the chip.
        part: Order code of the chip.
        core: CPU, as in ``cortex-m4``.
        flash_bytes: Flash that an application can take with the ecosystem's defaults.
        ram_bytes: RAM that an application can take, in the one region that would hold the arena.
        clock_hz: CPU clock that the other figures hold for.
        cycles_per_instruction: Assumed mean for compiled kernels on this core.
        active_ma: Supply current while computing at that clock, in milliampere; None: unknown.
        supply_v: Supply voltage for that current; None: unknown.
        kernels: Kernels that its firmware links.
        flavour: Whether its firmware is built without log strings and assertions (``stripped``) or
            with them (``plain``).
        has_decode: Its TFLM has the DECODE operator.
        has_per_channel_fc: Its TFLM has per-channel FULLY_CONNECTED.
        has_int4: Its TFLM has packed 4-bit weights.
        runtime: What runs models on it; None if nothing does.
        refusal: Why nothing does.
        inherits: The file that this one completes.
        datasheet: Document, revision and section that the figures come from.
        notes: By field, how a figure is meant and how sure it is.
    """

    name: Text
    title: Text
    vendor: Text
    part: Text
    core: Text
    flash_bytes: Bytes
    ram_bytes: Bytes
    clock_hz: Annotated[int, Gt(0)]
    datasheet: Text
    cycles_per_instruction: Annotated[float, Gt(0)] = 1.0
    active_ma: Annotated[float, Gt(0)] | None = None
    supply_v: Annotated[float, Gt(0)] | None = None
    kernels: KernelSet = "reference"
    flavour: Flavour = "stripped"
    has_decode: bool = True
    has_per_channel_fc: bool = True
    has_int4: bool = True
    runtime: Literal["tflm"] | None = "tflm"
    refusal: Text | None = None
    inherits: Text | None = None
    notes: dict[str, str] = field(default_factory=dict)

    def to_target(self) -> Target:
        """Return what footprints and legality depend on.

        Raises:
            UnsupportedModelError: If no runtime runs on the device; the sentence says why.
        """
        if self.runtime is None:
            raise UnsupportedModelError(
                f"{self.name} cannot run TensorFlow Lite Micro: {self.refusal}"
            )
        return Target(
            name=self.name,
            kernels=self.kernels,
            core=self.core,
            has_decode=self.has_decode,
            has_per_channel_fc=self.has_per_channel_fc,
            has_int4=self.has_int4,
            clock_hz=self.clock_hz,
            cycles_per_instruction=self.cycles_per_instruction,
            active_ma=self.active_ma,
            supply_v=self.supply_v,
            flavour=self.flavour,
        )
