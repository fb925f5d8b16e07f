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
        flavour: Whether the firmware is built without log strings (stripped) or with (plain).
        tflm_version: Which TFLM its ecosystem ships.
        has_decode: That TFLM has the DECODE operator; None: as the version.
        has_per_channel_fc: It has per-channel FULLY_CONNECTED; None: as the version.
        has_int4: It has packed 4-bit weights; None: as the version.
        runtime: What runs models on it unless something else is asked for; None if nothing does.
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
    tflm_version: Text = "2026-08"
    has_decode: bool | None = None
    has_per_channel_fc: bool | None = None
    has_int4: bool | None = None
    runtime: Literal["tflm", "c"] | None = "tflm"
    refusal: Text | None = None
    inherits: Text | None = None
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def features(self) -> dict[str, bool]:
        """What its TFLM has, by the field that may say otherwise than its version."""
        from autotiny.runtimes.tflm.versions import load_version

        known = load_version(self.tflm_version).features
        own = {
            "has_decode": (self.has_decode, known["decode"]),
            "has_int4": (self.has_int4, known["int4"]),
            "has_per_channel_fc": (self.has_per_channel_fc, known["per_channel_fc"]),
        }
        return {key: version if said is None else said for key, (said, version) in own.items()}

    def to_target(self, runtime: str = "tflm") -> Target:
        """Return what footprints and legality depend on.

        Args:
            runtime: Name of the runtime that is to run on it.

        Raises:
            UnsupportedModelError: If that runtime does not run on the device; the sentence says
                why, and which one does.
        """
        if self.runtime is None or (self.runtime == "c" and runtime != "c"):
            other = " Compiled C does (--runtime c)." if self.runtime == "c" else ""
            raise UnsupportedModelError(
                f"{self.name} cannot run TensorFlow Lite Micro: {self.refusal}{other}"
            )
        return Target(
            name=self.name,
            kernels=self.kernels,
            core=self.core,
            tflm_version=self.tflm_version,
            has_decode=self.has_decode,
            has_per_channel_fc=self.has_per_channel_fc,
            has_int4=self.has_int4,
            clock_hz=self.clock_hz,
            cycles_per_instruction=self.cycles_per_instruction,
            active_ma=self.active_ma,
            supply_v=self.supply_v,
            flavour=self.flavour,
        )
