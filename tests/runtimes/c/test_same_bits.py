"""The C code of any network gives TFLM's bits, without a warning and under the sanitisers."""

import os
import shutil
import subprocess
import sys

import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ground_truth
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.networks.families import build_network
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.host import WARNINGS
from autotiny.runtimes.c.reading import read_program
from autotiny.study.space_files import parse_space, read_space, space_names

OPTIMISE = Optimise.__args__
SHAPES = {"mlp": (13,), "autoencoder": (13,), "cnn1d": (40, 1, 3), "tcn": (40, 1, 3)}
IMAGE = (16, 16, 2)
FIVE = ("mlp", "cnn", "ds_cnn", "resnet", "mobilenet_v2")
WIDE = LayerPrecision(activation_bits=16)
PUBLISHED = (
    "mlperf_ad01_int8", "mlperf_kws_ref_model", "mlperf_pretrainedResnet_quant",
    "mlperf_vww_96_int8",
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(networks(max_layers=5), st.sampled_from(OPTIMISE))
def test_any_network(engine, compiler, network, optimise):
    model = engine.lowered(network, random_weights(network), random_samples(network, 16))
    program = read_program(model)
    engine.same_bits(model, generate(program, optimise=optimise), compiler)


def of_family(engine, name, wide=False):
    """Return the model of a space's base network, with random weights, in 8 or 16 bits."""
    space = parse_space(read_space(name), name)
    shape = SHAPES.get(name, IMAGE)
    network = build_network(space.family, space.base, shape, 13 if name == "autoencoder" else 4)
    plan = {layer.name: WIDE for layer in network.weight_layers if wide}
    return engine.lowered(network, random_weights(network), random_samples(network, 8), plan)


@pytest.mark.parametrize("name", space_names())
def test_every_family(engine, compiler, name):
    model = of_family(engine, name)
    for optimise in OPTIMISE:
        engine.same_bits(model, generate(read_program(model), optimise=optimise), compiler, 4)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_model(engine, compiler, name):
    model = ground_truth(name)
    for optimise in OPTIMISE:
        source = generate(read_program(model), optimise=optimise)
        engine.same_bits(model, source, compiler, 3, ("-O2",))


def test_two_models_link_into_one_program(engine, compiler, tmp_path):
    network = build_network("mlp", {"units": (4,)}, (5,), 3)
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    program = read_program(model)
    main = "int main(void) { return one_work[0] + two_work[0]; }\n"
    files = ["main.c"]
    includes = ""
    for name in ("one", "two"):
        source = generate(program, name)
        (tmp_path / f"{name}.h").write_text(source.header)
        (tmp_path / f"{name}.c").write_text(source.code)
        includes += f'#include "{name}.h"\n'
        files.append(f"{name}.c")
    (tmp_path / "main.c").write_text(includes + main)
    subprocess.run([*compiler, "-std=c99", "-Werror", *files], cwd=tmp_path, check=True)


def test_a_header_is_read_by_cpp_too(engine, compiler, tmp_path):
    network = build_network("mlp", {"units": (4,)}, (5,), 3)
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    header = generate(read_program(model)).header
    assert 'extern "C"' in header
    assert "#define MODEL_INPUT_BYTES 5" in header


@pytest.mark.parametrize("name", ["cnn", "resnet", "mobilenet_v2"])
def test_clang_compiles_it_without_a_warning(engine, name):
    pytest.importorskip("ziglang")
    space = parse_space(read_space(name), name)
    network = build_network(space.family, space.base, IMAGE, 4)
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    clang = (sys.executable, "-m", "ziglang", "cc")
    for optimise in OPTIMISE:
        engine.same_bits(
            model, generate(read_program(model), optimise=optimise), clang, 4, ("-O2",)
        )


def test_a_thousand_inputs_of_dense_layers(engine, compiler):
    """A factor of single precision would give another output once in a million."""
    model = ground_truth("mlperf_ad01_int8")
    engine.same_bits(model, generate(read_program(model)), compiler, 1000, ("-O2",))


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("optimise", OPTIMISE)
def test_gcc_for_arm_takes_it_without_a_warning(engine, tmp_path, core, optimise):
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc is None:
        if os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
            pytest.fail("there is no arm-none-eabi-gcc and AUTOTINY_REQUIRE_TOOLCHAIN=1")
        pytest.skip("there is no arm-none-eabi-gcc")
    flags = (f"-mcpu={core}", "-mthumb", *(["-mfloat-abi=hard"] if core == "cortex-m55" else []))
    for name, wide in (*((name, False) for name in FIVE), ("mobilenet_v2", True), ("mlp", True)):
        model = of_family(engine, name, wide)
        source = generate(read_program(model), optimise=optimise)
        (tmp_path / "model.h").write_text(source.header)
        (tmp_path / "model.c").write_text(source.code)
        command = [gcc, *flags, *WARNINGS, "-O2", "-c", "model.c"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)
