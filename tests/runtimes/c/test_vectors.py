"""Kernels of vector instructions on an emulated Cortex-M55, by both compilers, bit for bit."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ModelBuilder, ground_truth
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.networks.graph import Network, chain
from autotiny.networks.layers import Add, Conv2D, Dense, DepthwiseConv2D
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.host import WARNINGS
from autotiny.runtimes.c.measure.board import EMULATOR, board_is_installed
from autotiny.runtimes.c.measure.compiler import Linked, compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

M55 = CORES["cortex-m55"]
GCC = "arm-none-eabi-gcc"
GCC_FLAGS = (
    "-mcpu=cortex-m55", "-mfloat-abi=hard", "-O2", "-nostartfiles", "--specs=nosys.specs",
    "-Wl,-e,entry", f"-Wl,-Ttext={M55.origin:#x}",
)  # fmt: skip


def needed(there, name):
    """Skip where a tool is missing, or fail where it must be there."""
    if not there:
        if os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
            pytest.fail(f"{name} is not installed and AUTOTINY_REQUIRE_TOOLCHAIN=1")
        pytest.skip(f"{name} is not installed")


@pytest.fixture(params=["clang", "gcc"])
def linked(request, tmp_path_factory):
    """What compiles a model's code for the core, with every warning an error by gcc."""
    needed(board_is_installed(), EMULATOR)
    if request.param == "clang":
        return lambda source: compile_for(source, M55, "speed")
    needed(shutil.which(GCC), GCC)

    def link(source):
        folder = tmp_path_factory.mktemp("gcc")
        (folder / "model.h").write_text(source.header)
        (folder / "model.c").write_text(source.code)
        entry = "void entry(void);\nvoid entry(void) { model_run_in(model_work); }\n"
        (folder / "entry.c").write_text('#include "model.h"\n' + entry)
        command = [GCC, *GCC_FLAGS, *WARNINGS, "model.c", "entry.c", "-o", "model.elf"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return Linked((folder / "model.elf").read_bytes(), 0, 0, 0)

    return link


def check(engine, linked, model, count=3, optimise="speed"):
    source = generate(read_program(model), optimise=optimise)
    x = engine.inputs(model, count)
    run = emulate(linked(source), source, M55, x)
    np.testing.assert_array_equal(run.outputs, outputs(model, x).reshape(run.outputs.shape))
    return run


def one(shape, *layers):
    return chain(shape, layers)


def sum_of_two(shape):
    filters = shape[-1]
    layers = (
        Conv2D("a", filters, (3, 3), inputs=("input",)),
        Conv2D("b", filters, (1, 1), inputs=("a",), activation="linear"),
        Add("c", inputs=("a", "b"), activation="relu"),
    )
    return Network(shape, layers)


NETWORKS = {
    "padded": one((7, 6, 16), Conv2D("c", 9, (3, 3))),
    "stride 2, few channels": one((9, 8, 3), Conv2D("c", 8, (3, 3), (2, 2))),
    "odd channels": one((6, 5, 7), Conv2D("c", 5, (3, 2), padding="valid", activation="relu6")),
    "dilated": one((9, 9, 5), Conv2D("c", 6, (3, 3), dilation=(2, 2))),
    "wide window": one((12, 5, 1), Conv2D("c", 7, (10, 4), (2, 2))),
    "points": one((5, 5, 40), Conv2D("c", 24, (1, 1), activation="linear")),
    "points, odd": one((3, 5, 19), Conv2D("c", 17, (1, 1))),
    "one place": one((3, 3, 4), Conv2D("c", 6, (3, 3), padding="valid")),
    "dense": one((133,), Dense("d", 35), Dense("e", 11), Dense("f", 8)),
    "plane": one((9, 7, 6), DepthwiseConv2D("c", (3, 3))),
    "plane, stride 2": one((9, 10, 5), DepthwiseConv2D("c", (3, 3), (2, 2))),
    "plane, stride 3": one((10, 11, 3), DepthwiseConv2D("c", (3, 3), (1, 3), padding="valid")),
    "sum": sum_of_two((5, 5, 7)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kernel(engine, linked, name):
    network = NETWORKS[name]
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    for optimise in ("speed", "balanced"):
        check(engine, linked, model, optimise=optimise)


def extreme(kind, scales, zero):
    """Return a model of weights of all values, and factors of all sizes."""
    rng, b = np.random.default_rng(len(scales)), ModelBuilder()
    x = b.tensor([1, 5, 6, 8], scales=(0.5,), zero_points=(-128,))
    shape = {
        "CONV_2D": [8, 3, 3, 8],
        "DEPTHWISE_CONV_2D": [1, 3, 3, 8],
        "FULLY_CONNECTED": [8, 240],
    }
    dim = 3 if kind == "DEPTHWISE_CONV_2D" else 0
    data = rng.integers(-128, 128, shape[kind]).astype(np.int8)
    w = b.tensor(shape[kind], "int8", data, scales, [0] * len(scales), dim)
    bias = rng.integers(-(2**20), 2**20, 8).astype(np.int32)
    c = b.tensor([8], "int32", bias, scales=(0.001,))
    y = b.tensor([1, 8] if kind == "FULLY_CONNECTED" else [1, 5, 6, 8], scales=(0.25,),
                 zero_points=(zero,))  # fmt: skip
    options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
               "FULLY_CONNECTED": "FullyConnectedOptions"}  # fmt: skip
    window = {} if kind == "FULLY_CONNECTED" else {"strideH": 1, "strideW": 1, "padding": 0}
    if kind != "FULLY_CONNECTED":
        window |= {"dilationHFactor": 1, "dilationWFactor": 1}
    if kind == "DEPTHWISE_CONV_2D":
        window["depthMultiplier"] = 1
    b.operator(kind, [x, w, c], [y], options[kind], **window)
    return b.finish([x], [y])


SCALES = {
    "small": [1e-6 * 1.3**i for i in range(8)],
    "of many sizes": [10.0 ** (i - 6) for i in range(8)],
    "large": [0.6 * 1.7**i for i in range(8)],
    "one": [0.0007],
}


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
@pytest.mark.parametrize("scales", SCALES)
def test_weights_and_factors_of_all_sizes(engine, linked, kind, scales):
    check(engine, linked, extreme(kind, SCALES[scales], -3), 8)


@pytest.mark.parametrize("name", ["ADD", "SUB"])
@pytest.mark.parametrize("scales", [(0.05, 0.05, 0.1), (1e-4, 2, 0.01), (3, 0.7, 1e-3)])
def test_sums_of_any_scales(engine, linked, name, scales):
    b = ModelBuilder()
    x = b.tensor([1, 257], scales=scales[:1], zero_points=(5,))
    values = np.arange(-128, 129).clip(-128, 127).astype(np.int8)
    c = b.tensor([1, 257], "int8", values, scales=scales[1:2], zero_points=(-11,))
    y = b.tensor([1, 257], scales=scales[2:], zero_points=(-7,))
    b.operator(name, [x, c], [y], name.title() + "Options")
    check(engine, linked, b.finish([x], [y]), 4)


def test_any_network(engine, linked):
    @settings(max_examples=20, deadline=None)
    @given(networks(max_layers=5), st.sampled_from(["speed", "balanced"]))
    def holds(network, optimise):
        model = engine.lowered(network, random_weights(network), random_samples(network, 8))
        check(engine, linked, model, 2, optimise)

    holds()


@pytest.mark.parametrize(
    ("name", "most"),
    [("mlperf_ad01_int8", 65_000), ("mlperf_kws_ref_model", 1_400_000),
     ("mlperf_pretrainedResnet_quant", 3_500_000), ("mlperf_vww_96_int8", 3_900_000)],
)  # fmt: skip
def test_published_models(engine, linked, name, most, request):
    run = check(engine, linked, ground_truth(name), 1)
    assert 0 < run.stack_bytes < 800
    if "clang" in request.node.callspec.id:
        assert run.instructions < most


@pytest.mark.parametrize("name", NETWORKS)
def test_clang_compiles_it_without_a_warning(engine, name, tmp_path):
    pytest.importorskip("ziglang")
    network = NETWORKS[name]
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    source = generate(read_program(model), optimise="speed")
    (tmp_path / "model.h").write_text(source.header)
    (tmp_path / "model.c").write_text(source.code)
    (tmp_path / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
        "void *memset(void *, int, size_t);\n"
    )
    command = [sys.executable, "-m", "ziglang", "cc", "-target", M55.target, M55.flag, "-I."]
    done = subprocess.run(
        [*command, *WARNINGS, "-c", "model.c"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
