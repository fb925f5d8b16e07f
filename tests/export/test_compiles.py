"""The exported sources under a real compiler, and the compiled bytes on the real interpreter."""

import ctypes
import itertools

import numpy as np
import pytest

from autotiny.export import export_bundle

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
STANDARDS = (("gcc", "-std=c99", "c"), ("gcc", "-std=c11", "c"), ("g++", "-std=c++17", "c++"))
PLAIN_SOURCES = ("model_data.c", "golden.c", "golden_check.c", "print.c")
PLAIN_HEADERS = (
    "model_data.h", "model_config.h", "quantize.h", "golden.h", "golden_check.h", "print.h",
)  # fmt: skip
#: What TFLM's release build defines, and what it does not.
BUILDS = (("-DTF_LITE_STRIP_ERROR_STRINGS",), ())
NAME = "digits_8x8"


@pytest.fixture
def bundle(tmp_path, export_helpers, ecosystem):
    request = export_helpers.request(ecosystem)
    export_bundle(request, tmp_path / "b")
    sources = tmp_path / "b" / (NAME if ecosystem == "arduino" else ".")
    return request, tmp_path / "b", sources


def test_sources_without_tflm_compile_with_warnings_as_errors(
    bundle, tmp_path, export_helpers, tool
):
    _, _, sources = bundle
    for compiler, standard, language in STANDARDS:
        flags = (standard, *WARNINGS, "-x", language, "-c", "-o", tmp_path / "object.o")
        for name in PLAIN_SOURCES:
            export_helpers.run(tool(compiler), *flags, sources / name)
        for name in PLAIN_HEADERS:
            unit = tmp_path / "unit.c"
            unit.write_text(f'#include "{name}"\n#include "{name}"\n')
            export_helpers.run(tool(compiler), "-I", sources, *flags, unit)


def test_sources_with_tflm_pass_a_syntax_check_against_its_api(
    bundle, ecosystem, export_helpers, tool
):
    _, out, sources = bundle
    flags = ("-std=c++17", *WARNINGS, "-fsyntax-only", "-I", export_helpers.headers, "-I", sources)
    units = [path for path in out.rglob("*") if path.suffix in (".cpp", ".ino")]
    assert len(units) == (2 if ecosystem == "arduino" else 3)
    for unit, build in itertools.product(units, BUILDS):
        arduino = ("-include", "Arduino.h") if unit.suffix == ".ino" else ()
        export_helpers.run(tool("g++"), *flags, *build, *arduino, "-x", "c++", unit)


def load(bundle, tmp_path, export_helpers, tool, compiler="gcc", *flags):
    """Compile the plain sources into a library of this process."""
    _, _, sources = bundle
    library = tmp_path / "model.so"
    units = [sources / name for name in PLAIN_SOURCES]
    export_helpers.run(tool(compiler), *flags, "-shared", "-fPIC", "-o", library, *units)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize(
    ("compiler", "flags"), [("gcc", ("-std=c99",)), ("g++", ("-std=c++17", "-x", "c++"))]
)
def test_compiled_array_is_the_image_aligned_to_16(
    bundle, tmp_path, export_helpers, tool, compiler, flags
):
    library = load(bundle, tmp_path, export_helpers, tool, compiler, *flags)
    image = bundle[0].image
    assert ctypes.c_size_t.in_dll(library, f"{NAME}_model_data_len").value == len(image)
    array = (ctypes.c_uint8 * len(image)).in_dll(library, f"{NAME}_model_data")
    assert bytes(array) == image
    assert ctypes.addressof(array) % 16 == 0


def check_golden(library, infer):
    """Run the compiled comparison; returns its result and its lines."""
    infer_type = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_int8), ctypes.POINTER(ctypes.c_int8)
    )
    print_type = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
    lines = []
    printer = print_type(lambda line: lines.append(line.decode()))
    getattr(library, f"{NAME}_set_print")(printer)
    failed = getattr(library, f"{NAME}_golden_check")(infer_type(infer))
    getattr(library, f"{NAME}_set_print")(None)
    return failed, lines


def test_messages_go_where_the_user_says_and_are_cut_to_a_line(
    bundle, tmp_path, export_helpers, tool
):
    library = load(bundle, tmp_path, export_helpers, tool)
    say, lines = getattr(library, f"{NAME}_print"), []
    say(b"nobody hears %d", 1)
    printer = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda line: lines.append(line.decode()))
    getattr(library, f"{NAME}_set_print")(printer)
    say(b"%s: %d, %d and %d%", b"numbers", 0, -(2**31), 2**31 - 1)
    say(b"%s", b"x" * 500)
    assert lines == ["numbers: 0, -2147483648 and 2147483647%", "x" * 120]


def test_compiled_self_test_passes_with_tflm_on_the_compiled_bytes(
    bundle, tmp_path, export_helpers, tool
):
    library = load(bundle, tmp_path, export_helpers, tool)
    size = ctypes.c_size_t.in_dll(library, f"{NAME}_model_data_len").value
    image = bytes((ctypes.c_uint8 * size).in_dll(library, f"{NAME}_model_data"))
    interpreter = export_helpers.runtime()

    def infer(source, sink):
        sample = np.ctypeslib.as_array(source, (16,)).reshape(1, 4, 4, 1)
        np.ctypeslib.as_array(sink, (3,))[:] = interpreter.outputs(image, sample)[0]
        return 0

    assert check_golden(library, infer) == (0, ["PASS: 8 of 8 golden vectors bit for bit"])


def test_compiled_self_test_reports_one_wrong_bit_and_failed_inferences(
    bundle, tmp_path, export_helpers, tool
):
    library = load(bundle, tmp_path, export_helpers, tool)
    golden = ((ctypes.c_int8 * 3) * 8).in_dll(library, f"{NAME}_golden_outputs")
    calls = itertools.count()

    def infer(_, sink):
        vector = next(calls)
        np.ctypeslib.as_array(sink, (3,))[:] = list(golden[vector])
        sink[1] ^= vector == 2
        return int(vector == 5)

    failed, lines = check_golden(library, infer)
    assert failed == 2
    assert lines[0].startswith("vector 2: output 1 is ")
    assert lines[1:] == [
        "vector 5: inference failed",
        "FAIL: 6 of 8 golden vectors bit for bit",
    ]


def test_host_program_of_the_plain_sources_prints_pass_and_fail(
    bundle, tmp_path, export_helpers, tool
):
    _, _, sources = bundle
    main = tmp_path / "host.c"
    main.write_text(
        f"""
#include <stdio.h>
#include <string.h>
#include "golden.h"
#include "golden_check.h"
#include "print.h"
static int next, wrong;
static int infer(const int8_t *input, int8_t *output) {{
  if (memcmp(input, {NAME}_golden_inputs[next], sizeof({NAME}_golden_inputs[0])) != 0) return 1;
  memcpy(output, {NAME}_golden_outputs[next], sizeof({NAME}_golden_outputs[0]));
  if (next++ == wrong) output[0] = (int8_t)(output[0] ^ 1);
  return 0;
}}
static void print(const char *line) {{ puts(line); }}
int main(int argc, char **argv) {{
  (void)argv;
  wrong = argc > 1 ? 0 : -1;
  {NAME}_set_print(print);
  return {NAME}_golden_check(infer);
}}
"""
    )
    for compiler, standard, language in STANDARDS:
        program = tmp_path / "host"
        units = [sources / name for name in PLAIN_SOURCES]
        flags = (standard, *WARNINGS, "-x", language, "-I", sources, "-o", program)
        export_helpers.run(tool(compiler), *flags, main, *units)
        assert export_helpers.run(program) == "PASS: 8 of 8 golden vectors bit for bit\n"
        with pytest.raises(AssertionError, match="FAIL: 7 of 8"):
            export_helpers.run(program, "wrong")


def test_class_names_survive_the_compiler(bundle, tmp_path, export_helpers, tool):
    _, _, sources = bundle
    main = tmp_path / "names.c"
    main.write_text(
        f"""
#include <stdio.h>
#include "model_config.h"
int main(void) {{
  int i;
  for (i = -1; i <= 3; ++i) puts({NAME}_class_name(i));
  return 0;
}}
"""
    )
    for compiler, standard, language in STANDARDS:
        program = tmp_path / "names"
        flags = (standard, *WARNINGS, "-x", language, "-I", sources, "-o", program)
        export_helpers.run(tool(compiler), *flags, main)
        assert export_helpers.run(program).split("\n")[1:4] == list(export_helpers.classes)
