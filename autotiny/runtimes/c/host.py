"""The C code of a model, compiled and run on this computer."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import AutotinyError
from autotiny.runtimes.c.codegen import Source

#: Names of compilers, the most likely first.
_COMPILERS = ("cc", "gcc", "clang")
#: Reads samples and writes outputs until there are no more.
_MAIN = """#include <stdio.h>
#include "{name}.h"
int main(void) {{
  static int8_t input[{NAME}_INPUT_BYTES], output[{NAME}_OUTPUT_BYTES];
  while (fread(input, 1, sizeof input, stdin) == sizeof input) {{
    {name}_run(input, output);
    fwrite(output, 1, sizeof output, stdout);
  }}
  return 0;
}}
"""
#: Every warning that the code must be free of.
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


def host_compiler() -> tuple[str, ...] | None:
    """Return the command of a C compiler of this computer, or None."""
    for name in _COMPILERS:
        if found := shutil.which(name):
            return (found,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    return None


def run_on_host(
    source: Source,
    inputs: NDArray[np.int8],
    *,
    compiler: Sequence[str],
    flags: Sequence[str] = ("-O1",),
) -> NDArray[np.int8]:
    """Return the outputs of samples, ``(n, output bytes)``, from the compiled code.

    Args:
        source: The code.
        inputs: Samples, ``(n, …)``.
        compiler: Its command.
        flags: For the compiler, besides all warnings as errors.

    Raises:
        AutotinyError: If it does not compile, or ends otherwise than it should.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{source.name}.h").write_text(source.header)
        (folder / f"{source.name}.c").write_text(source.code)
        main = _MAIN.format(name=source.name, NAME=source.name.upper())
        (folder / "main.c").write_text(main)
        files = (f"{source.name}.c", "main.c", "-o", "main")
        _run([*compiler, *WARNINGS, *flags, *files], folder)
        printed = _run([str(folder / "main")], folder, np.ascontiguousarray(inputs).tobytes())
    size = source.program.sizes[source.program.output.slot]
    return np.frombuffer(printed, np.int8).reshape(len(inputs), size)


def _run(command: Sequence[str], folder: Path, given: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, check=False)
    if done.returncode != 0:
        text = done.stderr.decode(errors="replace").strip()
        raise AutotinyError(f"{Path(command[0]).name} failed on the model's C code: {text[:600]}")
    return done.stdout
