"""Runs compiled code on a machine of QEMU: for cores that the package ``unicorn`` does not have.

A small program beside the model's code hands it samples, measures and prints. QEMU counts virtual
time by instructions (``-icount``), which the core's own timer tells in steps of about 31.
"""

import importlib.util
import io
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import AutotinyError
from autotiny.runtimes.c.codegen import Source
from autotiny.runtimes.c.measure.compiler import Linked, compile_alone
from autotiny.runtimes.c.measure.cores import Core
from autotiny.runtimes.c.measure.emulated import Emulated

_QEMU = "qemu-system-arm"
#: Arm's MPS3 board with an SSE-300: a Cortex-M55 and memory of 512 KiB at 0, 2 MiB at _SAMPLES.
_MACHINE = "mps3-an547"
_CODE_BYTES, _SAMPLES = 0x80000, 0x0100_0000
#: Nanoseconds, and so instructions, of one tick of its timer.
_TICK = 1000 / 32
_TIMEOUT_S = 300
_PLACES = """SECTIONS {
  .vectors 0 : { KEEP(*(.vectors)) }
  .text 0x100 : { *(.text*) *(.rodata*) *(.data*) *(.bss*) }
  /DISCARD/ : { *(.ARM.*) }
}
"""
_PROGRAM = r"""#include <stdint.h>
#define AT(address) (*(volatile uint32_t *)(address))
#define STACK_TOP 0x20080000u
#define STACK_END 0x20070000u
static void semihosting(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
static void put(char c) { semihosting(3, &c); }
static void number(uint32_t value) {
  for (int i = 28; i >= 0; i -= 4) put("0123456789abcdef"[value >> i & 15u]);
  put('\n');
}
static void fail(void) {
  put('!');
  for (;;) semihosting(0x18, (const void *)0x20026);
}
static void start(void) {
  AT(0xe000ed88) |= 0xfu << 20; /* floating point and vectors */
  __asm__ volatile("dsb\nisb");
  void (*const run)(int8_t *) = (void (*)(int8_t *))(RUN | 1u);
  int8_t *const work = (int8_t *)WORK;
  const int8_t *input = (const int8_t *)SAMPLES;
  uint32_t ticks = 0, deepest = STACK_TOP;
  for (int sample = 0; sample < COUNT; ++sample) {
    for (int i = 0; i < INPUT_BYTES; ++i) work[INPUT_OFFSET + i] = *input++;
    uint32_t here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (uint32_t at = STACK_END; at < here - 64; at += 4) AT(at) = 0xa5a5a5a5u;
    AT(0xe000e014) = 0xffffff; /* the timer: reload, value, on by the core's clock */
    AT(0xe000e018) = 0;
    AT(0xe000e010) = 5;
    while (AT(0xe000e018) == 0) { /* until it has reloaded */
    }
    const uint32_t before = AT(0xe000e018);
    run(work);
    const uint32_t after = AT(0xe000e018);
    uint32_t at = STACK_END;
    while (AT(at) == 0xa5a5a5a5u) at += 4;
    if (sample == 0) {
      ticks = before - after;
      deepest = here - at;
    }
    for (int i = 0; i < OUTPUT_BYTES; ++i) number((uint8_t)work[OUTPUT_OFFSET + i]);
  }
  number(ticks);
  number(deepest);
  for (;;) semihosting(0x18, (const void *)0x20026); /* the application ends */
}
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    STACK_TOP, (uintptr_t)start, (uintptr_t)fail, (uintptr_t)fail, (uintptr_t)fail,
    (uintptr_t)fail, (uintptr_t)fail, (uintptr_t)fail};
void entry(void) { start(); }
"""


def qemu_is_installed() -> bool:
    """Whether the emulator is there, and what reads linked files."""
    return shutil.which(_QEMU) is not None and importlib.util.find_spec("elftools") is not None


def emulate_in_qemu(
    linked: Linked, source: Source, core: Core, inputs: NDArray[np.int8]
) -> Emulated:
    """Run a model on samples of shape ``(n, input bytes)``.

    Raises:
        AutotinyError: If the code faults, or does not fit the machine.
    """
    symbols, end = _symbols(linked.elf)
    if end > _CODE_BYTES:
        raise AutotinyError(
            f"The emulated {core.name} has {_CODE_BYTES // 1024} KiB for code and activations; the "
            f"model ends at {end // 1024} KiB."
        )
    program, plan = source.program, source.plan
    slots = {"INPUT": program.input.slot, "OUTPUT": program.output.slot}
    facts = {
        "RUN": symbols[f"{source.name}_run_in"] & ~1, "WORK": symbols[f"{source.name}_work"],
        "SAMPLES": _SAMPLES, "COUNT": len(inputs),
        **{f"{name}_BYTES": program.sizes[slot] for name, slot in slots.items()},
        **{f"{name}_OFFSET": plan.offsets[slot] for name, slot in slots.items()},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.elf").write_bytes(linked.elf)
        (folder / "samples.bin").write_bytes(np.ascontiguousarray(inputs).tobytes())
        text = "".join(f"#define {key} {value}u\n" for key, value in facts.items()) + _PROGRAM
        (folder / "main.elf").write_bytes(compile_alone(text, core, _PLACES))
        command = [
            _QEMU, "-M", _MACHINE, "-display", "none", "-monitor", "none", "-serial", "none",
            "-icount", "shift=0", "-semihosting-config", "enable=on,target=native",
            "-kernel", "main.elf", "-device", "loader,file=model.elf",
            "-device", f"loader,file=samples.bin,addr={_SAMPLES:#x},force-raw=on",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise AutotinyError(f"The code does not end on an emulated {core.name}.") from None
    lines = (done.stdout or done.stderr).split()
    if len(lines) != len(inputs) * facts["OUTPUT_BYTES"] + 2 or "!" in "".join(lines):
        raise AutotinyError(f"The code faults on an emulated {core.name}: {done.stderr[:300]}")
    values = np.array([int(line, 16) for line in lines], np.int64)
    outputs = values[:-2].astype(np.uint8).view(np.int8).reshape(len(inputs), -1)
    return Emulated(outputs, round(values[-2] * _TICK), int(values[-1]))


def _symbols(elf: bytes) -> tuple[dict[str, int], int]:
    """Return the addresses of a linked file's symbols, and where its last segment ends."""
    from elftools.elf.elffile import ELFFile

    file: Any = ELFFile(io.BytesIO(elf))
    found = file.get_section_by_name(".symtab").iter_symbols()
    end = max(s["p_vaddr"] + s["p_memsz"] for s in file.iter_segments("PT_LOAD"))
    return {symbol.name: symbol["st_value"] for symbol in found}, end
