"""Layers of 16-bit activations: TFLM's bits, even addresses, and nothing for models without."""

import re
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ModelBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.errors import UnsupportedModelError
from autotiny.networks.graph import chain
from autotiny.networks.layers import Activation, Conv2D, Dense, DepthwiseConv2D, Flatten, Pool2D
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.host import run_on_host
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.memory import plan_memory
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

WIDE = LayerPrecision(activation_bits=16)


def wide_plan(data, network):
    """Return a plan of 16-bit activations in some layers, at least one."""
    names = [layer.name for layer in network.weight_layers]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return dict.fromkeys(chosen, WIDE)


@settings(max_examples=40, deadline=None)
@given(networks(max_layers=6), st.data())
def test_any_network(engine, compiler, network, data):
    if not network.weight_layers:
        return
    plan = wide_plan(data, network)
    model = engine.lowered(network, random_weights(network), random_samples(network, 8), plan)
    program = read_program(model)
    if data.draw(st.booleans()):  # as if sums needed 64 bits
        steps = [replace(s, largest=1 << 31) if s.reduced else s for s in program.steps]
        program = replace(program, steps=tuple(steps))
    optimise = data.draw(st.sampled_from(get_args(Optimise)))
    form = encode_weights(program) if optimise == "size" else program
    engine.same_bits(model, generate(form, optimise=optimise), compiler, 10)


@settings(max_examples=40, deadline=None)
@given(networks(max_layers=6), st.data())
def test_wide_activations_lie_at_even_places(engine, network, data):
    if not network.weight_layers:
        return
    plan = wide_plan(data, network)
    model = engine.lowered(network, random_weights(network), random_samples(network, 8), plan)
    program = read_program(model)
    places = plan_memory(program)
    assert program.wide
    assert places.alignment == 2
    assert places.size % 2 == 0
    assert all(places.offsets[slot] % 2 == 0 for slot in program.wide)


def network_of_every_kind():
    """Return a network of every layer that may have 16-bit activations."""
    layers = (
        Conv2D("c", 6, (3, 3)),
        DepthwiseConv2D("d", (3, 3), (2, 2), activation="linear"),
        Pool2D("m", "max", (2, 2), (1, 1), "same"),
        Conv2D("p", 5, (1, 1), activation="relu6"),
        Pool2D("a", "average", (2, 2), (2, 2)),
        Activation("r", function="relu6"),
        Flatten("f"),
        Dense("y", 4),
    )
    return chain((9, 8, 2), layers)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_every_kind_on_emulated_cores(engine, core):
    network = network_of_every_kind()
    plan = {layer.name: WIDE for layer in network.weight_layers}
    model = engine.lowered(network, random_weights(network), random_samples(network, 16), plan)
    source = generate(read_program(model))
    assert "scaled_wide" in source.code
    assert re.search(r"int16_t model_work\[MODEL_WORK_BYTES / 2\]", source.code)
    x = engine.inputs(model, 4)
    run = emulate(compile_for(source, CORES[core], "size"), source, CORES[core], x)
    np.testing.assert_array_equal(run.outputs, outputs(model, x).reshape(run.outputs.shape))


def test_extreme_values_in_and_out(engine, compiler):
    network = network_of_every_kind()
    plan = {layer.name: WIDE for layer in network.weight_layers}
    weights = {name: values * 40 for name, values in random_weights(network).items()}
    model = engine.lowered(network, weights, random_samples(network, 4) / 9, plan)  # saturates
    engine.same_bits(model, generate(read_program(model)), compiler, 40)


#: Number of ``int32`` among the schema's types.
INT32 = 2
PLANE, ROW = (1, 5, 4, 6), (1, 40)
KERNELS = {
    "CONV_2D": [6, 3, 3, 6], "DEPTHWISE_CONV_2D": [1, 3, 3, 6], "FULLY_CONNECTED": [6, 40],
}  # fmt: skip


def wide_layer(name, bias, per_channel=True, weights="int8", bias_size=1 << 24, **options):
    """Return a model of one layer of 16-bit activations, whose outputs' last bits are seen."""
    rng, b = np.random.default_rng(0), ModelBuilder()
    shape = ROW if name == "FULLY_CONNECTED" else PLANE
    x = b.tensor(shape, scales=(0.02,), zero_points=(3,))
    wide = b.tensor(shape, "int16", scales=(1e-4,))
    b.operator("QUANTIZE", [x], [wide])
    steps = [0.01 + 0.003 * i for i in range(6 if per_channel else 1)]
    zeros, dim = [0] * len(steps), 3 if name == "DEPTHWISE_CONV_2D" else 0
    values = rng.integers(-127, 128, int(np.prod(KERNELS[name]))).astype(np.int8)
    packed = values[: values.size // 2] if weights == "int4" else values
    kernel = b.tensor(KERNELS[name], weights, packed, steps, zeros, dim)
    inputs = [wide, kernel, -1]
    if bias:
        numbers = rng.integers(-bias_size, bias_size, 6).astype(bias)
        numbers[0] = bias_size - 1
        inputs[2] = b.tensor([6], bias, numbers, [1e-4 * s for s in steps], zeros)
    out = (1, 6) if name == "FULLY_CONNECTED" else PLANE
    y, z = b.tensor(out, "int16", scales=(0.35,)), b.tensor(out, scales=(0.35,))
    if name != "FULLY_CONNECTED":
        options |= {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    if name == "DEPTHWISE_CONV_2D":
        options["depthMultiplier"] = 1
    kind = {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D"}.get(name, "FullyConnected")
    b.operator(name, inputs, [y], f"{kind}Options", **options)
    b.operator("QUANTIZE", [y], [z])
    return b.finish([x], [z])


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(
    ("name", "bias", "options"),
    [
        *((name, "int64", {}) for name in KERNELS),
        *((name, bias, {}) for name in ("CONV_2D", "FULLY_CONNECTED") for bias in ("int32", None)),
        ("CONV_2D", None, {"quantizedBiasType": INT32}),
        ("FULLY_CONNECTED", None, {"quantizedBiasType": INT32}),
    ],
)
def test_layers_with_biases_of_every_type(engine, compiler, name, bias, options, per_channel):
    model = wide_layer(name, bias, per_channel, **options)
    program = read_program(model)
    has_32_bits = bias == "int32" or "quantizedBiasType" in options
    assert [step.reduced for step in program.steps] == [False, not has_32_bits, False]
    for optimise in get_args(Optimise):
        engine.same_bits(model, generate(program, optimise=optimise), compiler, 60)


def test_biases_of_32_bits_make_other_outputs(engine):
    one, other = (wide_layer("CONV_2D", bias) for bias in ("int32", "int64"))
    x = engine.inputs(one, 200)
    assert (outputs(one, x) != outputs(other, x)).any()


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (wide_layer("DEPTHWISE_CONV_2D", "int32"), "its bias is int32 of shape"),
        (wide_layer("CONV_2D", "int64", weights="int4"), "int4 under 16-bit activations"),
        (wide_layer("CONV_2D", "int64", bias_size=1 << 40), "its biases exceed 32 bits"),
        (wide_layer("FULLY_CONNECTED", "int32", bias_size=(1 << 31) - 1), "may exceed 32 bits"),
    ],
)
def test_what_is_refused(model, sentence):
    with pytest.raises(UnsupportedModelError, match=sentence):
        read_program(model)


def long_sums(engine, features=1500):
    """Return a model whose 16-bit sums leave 32 bits, and whose other layer's do not."""
    network = chain((features,), (Dense("d", 5), Dense("y", 4)))
    rng, weights = np.random.default_rng(0), random_weights(network)
    weights["d/kernel"] = rng.choice([-1, 0.9, 1], (features, 5), p=[0.1, 0.1, 0.8]).astype("f4")
    x = np.concatenate([np.ones((4, features)), -np.ones((4, features))]).astype(np.float32)
    return engine.lowered(network, weights, x, {"d": WIDE, "y": WIDE})


def test_sums_of_more_than_32_bits(engine, compiler):
    model = long_sums(engine)
    program = read_program(model)
    assert max(step.largest for step in program.steps) >= 1 << 31
    source = generate(encode_weights(program))
    assert "int64_t sum" in source.code
    x = np.full((3, 1500), -128, np.int8)
    x[1] = 127
    x[2, ::2] = 127
    for flags in (("-O2",), engine.sanitised):
        got = run_on_host(source, x, compiler=compiler, flags=flags)
        np.testing.assert_array_equal(got, outputs(model, x).reshape(got.shape))
    engine.same_bits(model, source, compiler, 30)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_sums_of_more_than_32_bits_on_emulated_cores(engine, core):
    model = long_sums(engine)
    source, x = generate(read_program(model)), np.full((2, 1500), 127, np.int8)
    x[1, :900] = -128
    run = emulate(compile_for(source, CORES[core], "size"), source, CORES[core], x)
    np.testing.assert_array_equal(run.outputs, outputs(model, x).reshape(run.outputs.shape))


def test_only_what_needs_it_has_64_bits(engine):
    program = read_program(wide_layer("CONV_2D", "int64"))
    assert "int64_t sum" not in generate(program).code
