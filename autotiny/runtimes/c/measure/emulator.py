"""Runs compiled code on an emulated core and counts its instructions: the package ``unicorn``.

A block of code counts, each time it is entered, as many instructions as are in it. Cores that the
package lacks run on a board instead (``measure/board.py``).
"""

import importlib
import importlib.util
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import AutotinyError
from autotiny.runtimes.c.codegen import Source
from autotiny.runtimes.c.measure.board import board_is_installed, run_on_board
from autotiny.runtimes.c.measure.compiler import Linked
from autotiny.runtimes.c.measure.cores import Core

_STACK_TOP, _STACK_BYTES = 0x6010_0000, 0x0010_0000
_STOP = 0x7000_0000
_PATTERN = 0xA5
_PAGE = 0x1000


@dataclass(frozen=True)
class Emulated:
    """What running a model on an emulated core showed.

    Attributes:
        outputs: Of every sample, int8.
        instructions: Of the first sample's inference.
        stack_bytes: Deepest stack.
    """

    outputs: NDArray[np.int8]
    instructions: int
    stack_bytes: int


def emulator_is_installed(core: Core) -> bool:
    """Whether what emulates a core is there; False if nothing does."""
    if core.emulator == "board":
        return board_is_installed()
    return core.emulator is not None and importlib.util.find_spec("unicorn") is not None


def emulate(linked: Linked, source: Source, core: Core, inputs: NDArray[np.int8]) -> Emulated:
    """Run a model on samples of shape ``(n, input bytes)``.

    Raises:
        AutotinyError: If the emulator has no such core, or the code faults.
    """
    if core.emulator is None:
        raise AutotinyError(f"There is no emulator for {core.name}.")
    if core.emulator == "board":
        return Emulated(*run_on_board(linked, source, core, inputs))
    uc = _unicorn("unicorn")
    machine = _Machine(core, linked.elf)
    run, work = machine.symbol(f"{source.name}_run_in"), machine.symbol(f"{source.name}_work")
    offsets, program = source.plan.offsets, source.program
    machine.count(True)
    outputs = []
    instructions = stack = 0
    for number, sample in enumerate(inputs):
        machine.write(work + offsets[program.input.slot], sample.tobytes())
        try:
            machine.call(run, work)
        except uc.UcError as error:
            raise AutotinyError(f"The code faults on an emulated {core.name}: {error}.") from error
        if number == 0:
            instructions, stack = machine.instructions(), machine.deepest_stack()
            machine.count(False)
        at = work + offsets[program.output.slot]
        outputs.append(np.frombuffer(machine.read(at, program.sizes[program.output.slot]), np.int8))
    return Emulated(np.stack(outputs), instructions, stack)


def _unicorn(name: str) -> Any:
    """Return a module of the emulator's package, which says nothing about its types."""
    return importlib.import_module(name)


class _Machine:
    """An emulated core with a program in its memory."""

    def __init__(self, core: Core, elf: bytes) -> None:
        from elftools.elf.elffile import ELFFile

        uc = _unicorn("unicorn")
        arm_const, riscv_const = _unicorn("unicorn.arm_const"), _unicorn("unicorn.riscv_const")
        self._cpu: Any
        self._arm = core.emulator == "arm"
        if self._arm:
            self._cpu = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
            self._cpu.ctl_set_cpu_model(getattr(arm_const, core.model))
            names = arm_const, "UC_ARM_REG_R0", "UC_ARM_REG_SP", "UC_ARM_REG_LR"
        else:
            self._cpu = uc.Uc(uc.UC_ARCH_RISCV, uc.UC_MODE_RISCV32)
            names = riscv_const, "UC_RISCV_REG_A0", "UC_RISCV_REG_SP", "UC_RISCV_REG_RA"
        self._argument, self._sp, self._return = (getattr(names[0], n) for n in names[1:])
        self._blocks: Counter[tuple[int, int]] = Counter()
        self._hook: int | None = None
        self._mapped: set[int] = set()
        file: Any = ELFFile(io.BytesIO(elf))
        self._symbols = {
            symbol.name: symbol["st_value"]
            for symbol in file.get_section_by_name(".symtab").iter_symbols()
        }
        for segment in file.iter_segments("PT_LOAD"):
            self._map(segment["p_vaddr"], segment["p_memsz"])
            self._cpu.mem_write(segment["p_vaddr"], segment.data())
        self._map(_STACK_TOP - _STACK_BYTES, _STACK_BYTES)
        self._map(_STOP, _PAGE)

    def _map(self, address: int, size: int) -> None:
        for page in range(address // _PAGE, (address + size + _PAGE - 1) // _PAGE):
            if page not in self._mapped:
                self._mapped.add(page)
                self._cpu.mem_map(page * _PAGE, _PAGE)

    def symbol(self, name: str) -> int:
        return int(self._symbols[name]) & ~1 if self._arm else int(self._symbols[name])

    def write(self, address: int, data: bytes) -> None:
        self._cpu.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._cpu.mem_read(address, size))

    def count(self, wanted: bool) -> None:
        uc = _unicorn("unicorn")
        if wanted:
            blocks = self._blocks

            def entered(cpu: Any, address: int, size: int, data: Any) -> None:
                blocks[address, size] += 1

            self._hook = self._cpu.hook_add(uc.UC_HOOK_BLOCK, entered)
        elif self._hook is not None:
            self._cpu.hook_del(self._hook)

    def call(self, function: int, argument: int) -> None:
        thumb = 1 if self._arm else 0
        self._cpu.mem_write(_STACK_TOP - _STACK_BYTES, bytes([_PATTERN]) * _STACK_BYTES)
        self._cpu.reg_write(self._argument, argument)
        self._cpu.reg_write(self._sp, _STACK_TOP)
        self._cpu.reg_write(self._return, _STOP | thumb)
        self._cpu.emu_start(function | thumb, _STOP)

    def deepest_stack(self) -> int:
        """Bytes between the top of the stack and the lowest byte that was written."""
        memory = self.read(_STACK_TOP - _STACK_BYTES, _STACK_BYTES)
        untouched = len(memory) - len(memory.lstrip(bytes([_PATTERN])))
        return -(-(_STACK_BYTES - untouched) // 4) * 4

    def instructions(self) -> int:
        return sum(
            times * self._instructions_in(self.read(address, size))
            for (address, size), times in self._blocks.items()
        )

    def _instructions_in(self, block: bytes) -> int:
        at = number = 0
        while at < len(block):
            half = block[at] | block[at + 1] << 8
            wide = half >> 11 in (0x1D, 0x1E, 0x1F) if self._arm else half & 3 == 3
            at += 4 if wide else 2
            number += 1
        return number
