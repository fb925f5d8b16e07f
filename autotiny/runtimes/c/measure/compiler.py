"""Compiles the C code of a model for a core: clang, as the package ``ziglang`` brings it."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autotiny.errors import AutotinyError
from autotiny.runtimes.c.codegen import Optimise, Source
from autotiny.runtimes.c.measure.cores import Core

#: What is installed for measuring.
EXTRA = "autotiny[measure]"
_FLAGS = (
    "-std=gnu99", "-fomit-frame-pointer", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
    "-ffunction-sections", "-fdata-sections", "-fno-sanitize=all", "-g",
)  # fmt: skip
_LEVELS: dict[Optimise, str] = {"size": "-Os", "speed": "-O2"}
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
    """

    elf: bytes
    code_bytes: int
    constant_bytes: int
    ram_bytes: int

    @property
    def flash_bytes(self) -> int:
        """Everything that is flashed."""
        return self.code_bytes + self.constant_bytes


def compiler_is_installed() -> bool:
    """Whether the packages of the extra are there."""
    return all(importlib.util.find_spec(name) for name in ("ziglang", "elftools"))


def compiler_version() -> str:
    """Return which compiler it is."""
    done = subprocess.run(
        [sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=True
    )
    return f"zig {done.stdout.strip()} (clang)"


def compile_for(source: Source, core: Core, optimise: Optimise) -> Linked:
    """Return a model's code, compiled and linked for a core without anything else.

    Raises:
        AutotinyError: If it does not compile.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{source.name}.h").write_text(source.header)
        (folder / f"{source.name}.c").write_text(source.code)
        (folder / "entry.c").write_text(_ENTRY.format(name=source.name))
        (folder / "string.h").write_text(_STRING)
        command = [
            sys.executable, "-m", "ziglang", "cc", "-target", core.target, core.flag,
            *_FLAGS, _LEVELS[optimise], "-I.", f"{source.name}.c", "entry.c", "-nostartfiles",
            "-Wl,--gc-sections", "-Wl,-e,entry", "-Wl,--build-id=none", "-o", "model.elf",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env=_environment()
        )
        if done.returncode != 0:
            raise AutotinyError(f"The C code does not compile for {core.name}: {done.stderr[:500]}")
        return _read((folder / "model.elf").read_bytes())


def _environment() -> dict[str, str]:
    cache = Path(tempfile.gettempdir()) / f"autotiny-zig-{os.getuid()}"
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}


def _read(elf: bytes) -> Linked:
    import io

    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    code = constants = ram = 0
    for section in ELFFile(io.BytesIO(elf)).iter_sections():
        flags, size = section["sh_flags"], section["sh_size"]
        if not flags & SH_FLAGS.SHF_ALLOC or section.name.startswith(".ARM.exidx"):
            continue
        if flags & SH_FLAGS.SHF_EXECINSTR:
            code += size
        elif flags & SH_FLAGS.SHF_WRITE:
            ram += size
        else:
            constants += size
    return Linked(elf, code, constants, ram)
