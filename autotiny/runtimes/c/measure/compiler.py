"""Compiles the C code of a model for a core: clang, as the package ``ziglang`` brings it."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autotiny.errors import AutotinyError
from autotiny.runtimes._base import Optimise
from autotiny.runtimes.c.codegen import Source
from autotiny.runtimes.c.measure.cores import Core

#: What is installed for measuring.
EXTRA = "autotiny[measure]"
STANDARD = "-std=gnu99"
_CODE = (
    "-fomit-frame-pointer", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
    "-ffunction-sections", "-fdata-sections",
)  # fmt: skip
_FLAGS = (STANDARD, *_CODE, "-g")
_LINKED = (
    "-I.", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--build-id=none", "-o", "model.elf",
)  # fmt: skip
#: Functions that kernels call, and how deep calls of the compiler's own library go beneath.
_HELPERS = ("_clamped", "_scaled", "_scaled_any", "_high", "_halved", "_reciprocal")
_LIBRARY_DEPTH = 5
_LEVELS: dict[Optimise, str] = {"size": "-Os", "balanced": "-O2", "speed": "-O2"}
#: A target without an operating system has no such header; the compiler brings the functions.
_STRING = """#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
"""
#: Keeps what a program would call, and nothing else.
_ENTRY = """#include "{name}.h"
void entry(void) {{ {name}_run_in({name}_work); for (;;) {{}} }}
"""


@dataclass(frozen=True)
class Linked:
    """A model's code as it is linked for a core.

    Attributes:
        elf: The file.
        code_bytes: Instructions and their literals.
        constant_bytes: Constants in flash.
        ram_bytes: Statics.
        stack_bytes: Deepest stack, as the compiler says it; None if it does not.
    """

    elf: bytes
    code_bytes: int
    constant_bytes: int
    ram_bytes: int
    stack_bytes: int | None = None

    @property
    def flash_bytes(self) -> int:
        """Everything that is flashed."""
        return self.code_bytes + self.constant_bytes


def flags_of(optimise: Optimise) -> tuple[str, ...]:
    """Return the flags that code is measured with, which gcc and clang take for every core."""
    return (_LEVELS[optimise], *_CODE)


def compiler_is_installed(core: Core) -> bool:
    """Whether what compiles for a core is there: the extra's packages, or avr-gcc."""
    if not core.is_known:
        return False
    if not core.target:
        return shutil.which("avr-gcc") is not None and _is_there("elftools")
    return _is_there("ziglang") and _is_there("elftools")


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def compiler_version(core: Core) -> str:
    """Return which compiler it is."""
    command = [sys.executable, "-m", "ziglang", "version"]
    if not core.target:
        command = ["avr-gcc", "-dumpversion"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    version = done.stdout.strip()
    return f"zig {version} (clang)" if core.target else f"avr-gcc {version}"


def compile_for(source: Source, core: Core, optimise: Optimise) -> Linked:
    """Return a model's code, compiled and linked for a core without anything else.

    Raises:
        AutotinyError: If it does not compile.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{source.name}.h").write_text(source.header)
        texts = {f"{source.name}.c": source.code, "entry.c": _ENTRY.format(name=source.name)}
        linked = _read(_link(folder, texts, core, optimise, "entry", core.origin))
        usage = next(folder.glob(f"*{source.name}.su"), None)
        return linked if usage is None else replace(linked, stack_bytes=_stack(usage.read_text()))


def link_file(text: str, core: Core, *, entry: str, at: int) -> bytes:
    """Return a C file as a program of its own, linked at an address.

    Raises:
        AutotinyError: If it does not compile.
    """
    with tempfile.TemporaryDirectory() as name:
        return _link(Path(name), {"program.c": text}, core, "size", entry, at)


def _link(
    folder: Path, texts: Mapping[str, str], core: Core, optimise: Optimise, entry: str, at: int
) -> bytes:
    for name, text in texts.items():
        (folder / name).write_text(text)
    if core.target:
        (folder / "string.h").write_text(_STRING)
    placed = [f"-Wl,--image-base={at:#x}"] if at else []
    done = subprocess.run(
        [*_command(core, optimise), *_LINKED, f"-Wl,-e,{entry}", *placed, *texts],
        cwd=folder, capture_output=True, text=True, check=False, env=_environment(),
    )  # fmt: skip
    if done.returncode != 0:
        raise AutotinyError(f"The C code does not compile for {core.name}: {done.stderr[:500]}")
    return (folder / "model.elf").read_bytes()


def _command(core: Core, optimise: Optimise) -> list[str]:
    if not core.target:
        return ["avr-gcc", core.flag, "-fstack-usage", *_FLAGS, _LEVELS[optimise]]
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", core.target, core.flag]
    if "+mve" in core.flag:  # loops that clang 22 makes vectors of by itself may not end
        zig += ["-fno-vectorize", "-fno-slp-vectorize"]
    return [*zig, "-fno-sanitize=all", *_FLAGS, _LEVELS[optimise]]


def _stack(usage: str) -> int:
    """Return the deepest stack of a chain of calls: one of each kind, and return addresses.

    Args:
        usage: Lines ``file:line:column:function bytes static`` that avr-gcc writes.
    """
    frames = {}
    for line in usage.splitlines():
        where, size, _ = line.split("\t")
        frames[where.rpartition(":")[2]] = int(size)
    runs = [size for name, size in frames.items() if name.endswith("_run_in")]
    helpers = [size for name, size in frames.items() if name.endswith(_HELPERS)]
    kernels = [
        size for name, size in frames.items() if not name.endswith((*_HELPERS, "_run_in", "_run"))
    ]
    deepest = sum(max(sizes, default=0) for sizes in (runs, kernels, helpers))
    return deepest + 2 * _LIBRARY_DEPTH


def _environment() -> dict[str, str]:
    cache = Path(tempfile.gettempdir()) / f"autotiny-zig-{os.getuid()}"
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}


def _read(elf: bytes) -> Linked:
    import io

    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    code = constants = ram = 0
    file: Any = ELFFile(io.BytesIO(elf))
    for section in file.iter_sections():
        flags, size = section["sh_flags"], section["sh_size"]
        if not flags & SH_FLAGS.SHF_ALLOC or section.name.startswith(".ARM.exidx"):
            continue
        if flags & SH_FLAGS.SHF_EXECINSTR:
            code += size
        elif flags & SH_FLAGS.SHF_WRITE:
            ram += size
        else:
            constants += size
    if file["e_machine"] == "EM_AVR":  # constants lie beside the code
        table = file.get_section_by_name(".symtab")
        text = file.get_section_index(".text")
        constants = sum(
            symbol["st_size"]
            for symbol in table.iter_symbols()
            if symbol["st_info"]["type"] == "STT_OBJECT" and symbol["st_shndx"] == text
        )
        code -= constants
    return Linked(elf, code, constants, ram)
