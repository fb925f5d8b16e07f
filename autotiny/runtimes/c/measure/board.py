"""Runs compiled code on an emulated board and counts its instructions: ``qemu-system-arm``.

It has the cores with vector instructions, which the package ``unicorn`` lacks. Time on the board
is the number of instructions since it was started, which one of its timers shows.
"""

import io
import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import AutotinyError
from autotiny.runtimes.c.codegen import Source, environment
from autotiny.runtimes.c.measure.compiler import Linked, link_file
from autotiny.runtimes.c.measure.cores import Core

EMULATOR = "qemu-system-arm"
#: Where things lie in the board's memory of 2 GiB; programs themselves begin at its first byte.
_HARNESS, _STACK_TOP, _JOB = 0x6800_0000, 0x6F00_0000, 0x7000_0000
_STACK_BYTES = 0x0001_0000
#: A timer of 32 bits at 20 MHz, while an instruction takes a nanosecond.
_COUNTER, _PERIOD = 0x4930_2018, 50
#: Instructions beside the model's own between both readings, in the middle of what is possible.
_BESIDE = 3
_TEMPLATE, _OUTPUT = "board.c.j2", "out"
_SECONDS = 600


def board_is_installed() -> bool:
    """Whether the emulator is there."""
    return shutil.which(EMULATOR) is not None


def run_on_board(
    linked: Linked, source: Source, core: Core, inputs: NDArray[np.int8]
) -> tuple[NDArray[np.int8], int, int]:
    """Run a model on samples of shape ``(n, input bytes)``.

    Returns:
        Outputs of every sample, ``(n, output bytes)``; of the first sample's inference the
        instructions, three more or less, and the deepest stack in bytes.

    Raises:
        AutotinyError: If the code faults.
    """
    program, offsets = source.program, source.plan.offsets
    symbols = _symbols(linked.elf)
    size_in, size_out = (program.sizes[edge.slot] for edge in (program.input, program.output))
    job = struct.pack(
        "<7I",
        symbols[f"{source.name}_run_in"] | 1, symbols[f"{source.name}_work"],
        offsets[program.input.slot], size_in, offsets[program.output.slot], size_out, len(inputs),
    )  # fmt: skip
    harness = _harness(core)
    vectors = struct.pack("<8I", _STACK_TOP - _STACK_BYTES, *[_symbols(harness)["reset"] | 1] * 7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loaded = []
        for file, content, place in (
            ("model.elf", linked.elf, ""), ("harness.elf", harness, ""),
            ("vectors", vectors, ",addr=0"), ("job", job + inputs.tobytes(), f",addr={_JOB}"),
        ):  # fmt: skip
            (folder / file).write_bytes(content)
            loaded += ["-device", f"loader,file={file}{place}"]
        done = _run([EMULATOR, "-M", core.model, *_QUIET, *_COUNTED, *loaded], folder, core)
        output = folder / _OUTPUT
        data = output.read_bytes() if output.exists() else b""
    if done.returncode != 0 or len(data) != 16 + len(inputs) * size_out:
        said = f": {done.stderr[:300]}" if done.stderr else ""
        raise AutotinyError(f"The code faults on an emulated {core.name}{said}.")
    first, last, steps, stack = struct.unpack("<4I", data[:16])
    instructions = (last - first) % (1 << 32) * _PERIOD - 4 * steps - _BESIDE
    outputs = np.frombuffer(data[16:], np.int8).reshape(len(inputs), size_out)
    return outputs, instructions, stack


_QUIET = ("-display", "none", "-monitor", "none", "-serial", "none", "-semihosting")
#: Every instruction takes 2^0 nanoseconds.
_COUNTED = ("-icount", "shift=0")


def _run(command: list[str], folder: Path, core: Core) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise AutotinyError(f"The code does not end on an emulated {core.name}.") from error


@cache
def _harness(core: Core) -> bytes:
    """Return the program that calls a model, linked; it is the same for every model."""
    templates = environment().overlay()
    text = templates.from_string((Path(__file__).parent / _TEMPLATE).read_text()).render(
        job=hex(_JOB), counter=hex(_COUNTER), period=_PERIOD, stack_top=hex(_STACK_TOP),
        stack_bytes=_STACK_BYTES, output=_OUTPUT,
    )  # fmt: skip
    return link_file(text, core, entry="reset", at=_HARNESS)


def _symbols(elf: bytes) -> dict[str, int]:
    from elftools.elf.elffile import ELFFile

    file: Any = ELFFile(io.BytesIO(elf))
    table = file.get_section_by_name(".symtab")
    return {symbol.name: int(symbol["st_value"]) for symbol in table.iter_symbols()}
