"""The build files of a bundle, run to the end on the host and for an emulated Cortex-M.

TFLM is not to be had from a package registry, so a stand-in takes its place that knows the golden
vectors by heart. What is tested are flags, tool chain, start-up code, printing and exit codes.
"""

import json
import shutil
from pathlib import Path

import pytest

from autotiny.export import export_bundle
from autotiny.runtimes import Target

NAME = "digits_8x8"
#: Found by the same patterns as TFLM's files, at places that decide about flags.
GENERIC = "tensorflow/lite/micro/cortex_m_generic"
SHARED = "tensorflow/lite/kernels/shared.cc"
CORE, KERNEL = "tensorflow/lite/micro/interpreter.cc", "tensorflow/lite/micro/kernels/kernel.cc"
INTERPRETER = f"""
#include <cstring>
#include "{NAME}/golden.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/system_setup.h"
namespace {{
int8_t source[sizeof({NAME}_golden_inputs[0])], sink[sizeof({NAME}_golden_outputs[0])];
TfLiteTensor in, out;
}}
namespace tflite {{
uint32_t Model::version() const {{ return TFLITE_SCHEMA_VERSION; }}
const Model* GetModel(const void* data) {{ return static_cast<const Model*>(data); }}
void InitializeTarget() {{}}
MicroInterpreter::MicroInterpreter(const Model*, const MicroOpResolver&, uint8_t*, size_t,
                                   MicroResourceVariables*, MicroProfilerInterface*, bool) {{
  in.type = out.type = kTfLiteInt8;
  in.data.int8 = source;
  out.data.int8 = sink;
  in.bytes = sizeof(source);
  out.bytes = sizeof(sink);
}}
MicroInterpreter::~MicroInterpreter() {{}}
TfLiteStatus MicroInterpreter::AllocateTensors() {{ return kTfLiteOk; }}
TfLiteTensor* MicroInterpreter::input(size_t) {{ return &in; }}
TfLiteTensor* MicroInterpreter::output(size_t) {{ return &out; }}
size_t MicroInterpreter::arena_used_bytes() const {{ return 1234; }}
TfLiteStatus MicroInterpreter::Invoke() {{
  for (int v = 0; v < {NAME.upper()}_GOLDEN_COUNT; ++v) {{
    if (memcmp(source, {NAME}_golden_inputs[v], sizeof(source)) == 0) {{
      memcpy(sink, {NAME}_golden_outputs[v], sizeof(sink));
    }}
  }}
  sink[0] ^= WRONG;
  return kTfLiteOk;
}}
}}
"""


@pytest.fixture
def built(tmp_path, export_helpers, tool):
    """Configure, build and test a bundle; returns the bundle, the commands' flags and the text."""
    cmake, ctest = tool("cmake"), tool("ctest")

    def build(*options, target=None, wrong=0, folders=(), bundle="b", tests=True):
        target = target or Target()
        if not (tmp_path / bundle).exists():
            export_bundle(export_helpers.request("generic", target=target), tmp_path / bundle)
        out = tmp_path / f"build-{bundle}-{wrong}"
        tree = _tree(tmp_path / f"tflm-{bundle}-{wrong}", export_helpers, tmp_path / bundle, wrong)
        if GENERIC not in folders:
            shutil.rmtree(tree / GENERIC)
        for folder in folders:
            (tree / folder).mkdir(parents=True, exist_ok=True)
        export_helpers.run(
            cmake, "-S", tmp_path / bundle, "-B", out, f"-DTFLM_DIR={tree}",
            "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options,
        )  # fmt: skip
        export_helpers.run(cmake, "--build", out)
        commands = json.loads((out / "compile_commands.json").read_text())
        flags = {Path(entry["file"]).name: entry["command"].split() for entry in commands}
        text = export_helpers.run(ctest, "--test-dir", out, "--verbose") if tests else ""
        return tmp_path / bundle, out, flags, text

    return build


def _tree(path, helpers, bundle, wrong):
    shutil.copytree(helpers.headers, path)
    (path / CORE).write_text(f"#define WRONG {wrong}\n{INTERPRETER}")
    (path / KERNEL).parent.mkdir(parents=True)
    (path / KERNEL).write_text("int kernel(void);\nint kernel(void) { return 0; }\n")
    (path / SHARED).parent.mkdir(parents=True)
    (path / SHARED).write_text("int shared(void);\nint shared(void) { return 0; }\n")
    shutil.copytree(bundle, path / NAME)
    return path


def optimisation(flags):
    """The last of several levels is the one that counts."""
    return [flag for flag in flags if flag.startswith("-O")][-1]


def test_a_tree_must_be_named(tmp_path, export_helpers, tool):
    export_bundle(export_helpers.request("generic"), tmp_path / "b")
    with pytest.raises(AssertionError, match="Set TFLM_DIR"):
        export_helpers.run(tool("cmake"), "-S", tmp_path / "b", "-B", tmp_path / "build")


def test_the_host_build_has_the_flags_of_the_footprint_and_passes(built):
    _, _, flags, text = built()
    for name in ("interpreter.cc", "kernel.cc", "shared.cc", "model_runner.cpp", "selftest.cpp"):
        needed = {"-DNDEBUG", "-DTF_LITE_STRIP_ERROR_STRINGS", "-DTF_LITE_STATIC_MEMORY"}
        assert needed | {"-ffunction-sections", "-fdata-sections"} <= set(flags[name])
        assert "-DPROJECT_GENERATION" not in flags[name]
        assert optimisation(flags[name]) == ("-O2" if name == "kernel.cc" else "-Os")
    assert "arena: 1234 of" in text
    assert "PASS: 8 of 8 golden vectors bit for bit" in text


def test_a_wrong_output_is_said_and_fails(built, export_helpers):
    _, out, _, _ = built(wrong=1, tests=False)
    with pytest.raises(AssertionError, match=r"vector 0: output 0 is -?\d+, expected -?\d+\n"):
        export_helpers.run(out / f"{NAME}_selftest")


def test_messages_of_the_library_can_be_kept(built):
    _, _, flags, _ = built("-DTFLM_ERROR_STRINGS=ON", tests=False)
    assert "-DTF_LITE_STRIP_ERROR_STRINGS" not in flags["model_runner.cpp"]


def test_a_cortex_m_tree_is_refused_on_the_host(built):
    with pytest.raises(AssertionError, match="which run on a Cortex-M only"):
        built(folders=["third_party/cmsis_nn"])


@pytest.fixture
def cross(tool):
    """Options of a build for a Cortex-M; skips without compiler or emulator."""
    for name in ("arm-none-eabi-g++", "qemu-system-arm"):
        tool(name)

    return lambda bundle: f"-DCMAKE_TOOLCHAIN_FILE={bundle / 'cortex-m.cmake'}"


@pytest.mark.parametrize(
    "core", ["cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"]
)
def test_the_self_test_passes_on_an_emulated_core(core, built, cross, tmp_path):
    cmsis = ("third_party/cmsis_nn", GENERIC)
    target = Target(kernels="cmsis-nn", core=core)
    bundle, out, flags, text = built(cross(tmp_path / "b"), target=target, folders=cmsis)
    assert f"-mcpu={core.replace('+', 'plus')}" in flags["kernel.cc"]
    needed = {"-DPROJECT_GENERATION", "-DCMSIS_NN", "-DTF_LITE_MCU_DEBUG_LOG"}
    assert needed <= set(flags["interpreter.cc"])
    assert "PASS: 8 of 8 golden vectors bit for bit" in text
    assert bundle.joinpath("emulator", "startup.c").is_file()
    assert "--gc-sections" in (out / "CMakeFiles" / f"{NAME}_main.dir" / "link.txt").read_text(
        "utf-8"
    )


def test_a_failing_self_test_fails_on_an_emulated_core(
    built, cross, tmp_path, export_helpers, tool
):
    _, out, _, _ = built(cross(tmp_path / "b"), wrong=1, tests=False)
    with pytest.raises(AssertionError, match="FAIL: 0 of 8 golden vectors"):
        export_helpers.run(tool("ctest"), "--test-dir", out, "--verbose")


def test_only_a_cortex_m_gets_its_tool_chain(tmp_path, export_helpers):
    target = Target(core="xtensa-lx7")
    export_bundle(export_helpers.request("generic", target=target), tmp_path / "b")
    assert not (tmp_path / "b" / "cortex-m.cmake").exists()
    assert not (tmp_path / "b" / "emulator").exists()
    assert "cortex-m" not in (tmp_path / "b" / "README.md").read_text("utf-8")
