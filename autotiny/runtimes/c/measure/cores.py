"""The cores that C code is compiled for and measured on."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Core:
    """A core, as compiler and emulator call it.

    Attributes:
        name: As devices call it.
        target: For ``zig cc -target``; empty for a core that ``avr-gcc`` compiles for.
        flag: Which CPU it is, as the compiler is told.
        emulator: What emulates it: an architecture of the package ``unicorn``, or ``board`` for
            ``qemu-system-arm``; None if nothing does.
        model: Which of the emulator's models, by the name of its constant, or which board.
        origin: Address that its programs are linked at, where the board's memory is; 0 for any.
        most_array_bytes: How large an array of constants may be; None if that is no concern.
        is_known: Whether something here compiles for it.
    """

    name: str
    target: str
    flag: str
    emulator: Literal["arm", "riscv", "board"] | None
    model: str = ""
    origin: int = 0
    most_array_bytes: int | None = None
    is_known: bool = True


_ARM = "thumb-freestanding-eabi"
#: With vector instructions, clang 22 ends in faults where registers for floating point are barred.
_ARM_HARD = "thumb-freestanding-eabihf"
#: Every core by its name.
CORES = {
    core.name: core
    for core in (
        Core("cortex-m0plus", _ARM, "-mcpu=cortex_m0plus", "arm", "UC_CPU_ARM_CORTEX_M0"),
        Core("cortex-m3", _ARM, "-mcpu=cortex_m3", "arm", "UC_CPU_ARM_CORTEX_M3"),
        Core("cortex-m4", _ARM, "-mcpu=cortex_m4", "arm", "UC_CPU_ARM_CORTEX_M4"),
        Core("cortex-m7", _ARM, "-mcpu=cortex_m7", "arm", "UC_CPU_ARM_CORTEX_M7"),
        Core("cortex-m33", _ARM, "-mcpu=cortex_m33+dsp", "arm", "UC_CPU_ARM_CORTEX_M33"),
        Core("cortex-m55", _ARM_HARD, "-mcpu=cortex_m55+mve", "board", "mps3-an547", 0x6000_0000),
        Core("rv32imc", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c-a-f-d", "riscv"),
        Core("avr", "", "-mmcu=atmega328p", None, most_array_bytes=32_767),
    )
}
#: What devices call their cores beside those names.
_ALSO = {
    "cortex-m0": "cortex-m0plus", "cortex-m0+": "cortex-m0plus", "cortex-m4f": "cortex-m4",
    "cortex-m7f": "cortex-m7", "cortex-m33f": "cortex-m33", "riscv32": "rv32imc",
}  # fmt: skip


def core_of(name: str) -> Core | None:
    """Return the core that a device's core is compiled as; None if no compiler is known."""
    lower = name.lower()
    return CORES.get(_ALSO.get(lower, lower))


def any_core(name: str) -> Core:
    """Return the core that a device's core is compiled as, or one that nothing here compiles for.

    The code of a model is plain C: it compiles there all the same, with a compiler of the user's.
    """
    return core_of(name) or Core(name, "", "", None, is_known=False)
