"""Names of generated code: those that would break a build are refused, and others build."""

import shutil
import subprocess

import pytest
from helpers_tflite import small_cnn

from autotiny.errors import InputError
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.names import checked_name, free_name
from autotiny.runtimes.c.reading import read_program

#: Includes what a program's own code may, after the model's header.
C_HEADERS = """
    assert complex ctype errno fenv float inttypes iso646 limits locale math pthread setjmp signal
    stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time
    unistd wchar wctype
"""


def consumer(name, headers):
    return "".join(f"#include <{header}>\n" for header in (f"{name}.h", *headers)) + (
        f"int main(void) {{ static signed char in[{name.upper()}_INPUT_BYTES]; "
        f"static signed char out[{name.upper()}_OUTPUT_BYTES]; {name}_run(in, out); "
        'return (int)sin(0.0) + (int)strlen("") + (int)iswalpha(48) + errno; }\n'
    )


def builds(folder, name):
    """Whether a program in C and one in C++ may use code of that name."""
    source = generate(read_program(small_cnn()), name)
    folder.mkdir()
    (folder / f"{name}.h").write_text(source.header)
    (folder / f"{name}.c").write_text(source.code)
    (folder / "c.c").write_text(consumer(name, [f"{header}.h" for header in C_HEADERS.split()]))
    (folder / "cxx.cpp").write_text(consumer(name, ["bits/stdc++.h"]))
    commands = (
        ["gcc", "-std=gnu11", "-I.", "-c", f"{name}.c"],
        ["gcc", "-std=gnu11", "-I.", f"{name}.o", "c.c", "-lm"],
        ["g++", "-std=gnu++17", "-I.", f"{name}.o", "cxx.cpp"],
    )
    return all(
        subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
        for command in commands
    )


@pytest.mark.parametrize("name", ["stdint", "string", "math", "features", "wchar"])
def test_refused_names_do_break_a_build(tmp_path, name):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    with pytest.raises(InputError, match="collides with the header"):
        checked_name(name)
    assert not builds(tmp_path / name, name)


@pytest.mark.parametrize("name", ["model", "vector", "list", "linux", "int8", "output", "class"])
def test_other_names_build_in_c_and_in_cxx(tmp_path, name):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    assert checked_name(name) == name
    assert builds(tmp_path / name, name)


@pytest.mark.parametrize("name", ["all", "clean", "Test", "package"])
def test_targets_of_cmake_are_refused(name):
    with pytest.raises(InputError, match=f"collides with the target {name.lower()} of CMake"):
        checked_name(name)


def test_a_name_that_is_taken_is_made_longer():
    assert free_name("digits") == "digits"
    assert free_name("time") == checked_name("time_model")
