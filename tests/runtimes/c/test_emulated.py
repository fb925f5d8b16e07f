"""The C code on emulated cores: every path that a core's instructions switch on, bit for bit."""

from typing import get_args

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ground_truth
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES, core_of
from autotiny.runtimes.c.measure.emulator import emulate, emulator_is_installed
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

EMULATED = [name for name, core in CORES.items() if emulator_is_installed(core)]


def check(engine, model, core, optimise, count=3):
    program = read_program(model)
    if optimise == "size":
        program = encode_weights(program)
    source = generate(program, optimise=optimise)
    x = engine.inputs(model, count)
    run = emulate(compile_for(source, CORES[core], optimise), source, CORES[core], x)
    np.testing.assert_array_equal(run.outputs, outputs(model, x).reshape(run.outputs.shape))
    return run


@settings(max_examples=25, deadline=None)
@given(networks(max_layers=5), st.sampled_from(EMULATED), st.sampled_from(get_args(Optimise)))
def test_any_network_on_any_core(engine, network, core, optimise):
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    check(engine, model, core, optimise)


@settings(max_examples=25, deadline=None)
@given(networks(max_layers=5))
def test_any_network_with_dsp_instructions(engine, network):
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    check(engine, model, "cortex-m4", "speed")


@pytest.mark.parametrize(
    ("name", "most"),
    [("mlperf_ad01_int8", 583_910), ("mlperf_kws_ref_model", 7_700_125),
     ("mlperf_pretrainedResnet_quant", 29_865_708), ("mlperf_vww_96_int8", 24_104_823)],
)  # fmt: skip
def test_published_models_take_fewer_instructions_than_with_cmsis_nn(engine, name, most):
    run = check(engine, ground_truth(name), "cortex-m4", "speed", 1)
    assert run.instructions < most
    assert 0 < run.stack_bytes < 400


def test_cores_are_found_by_what_devices_call_them():
    assert core_of("Cortex-M4F") is CORES["cortex-m4"]
    assert core_of("cortex-m0+") is CORES["cortex-m0plus"]
    assert core_of("xtensa-lx7") is None
