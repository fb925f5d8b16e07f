"""Layers of 16-bit activations: TFLM's bits, even addresses, and nothing for models without."""

import re
from typing import get_args

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.networks.graph import chain
from autotiny.networks.layers import Activation, Conv2D, Dense, DepthwiseConv2D, Flatten, Pool2D
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.encoding import encode_weights
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
