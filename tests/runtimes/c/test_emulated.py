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
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

#: Those of the package; QEMU has tests of its own.
EMULATED = [name for name, core in CORES.items() if core.emulator in ("arm", "riscv")]


def check(engine, model, core, optimise, count=3):
    program = read_program(model)
    if optimise == "size":
        program = encode_weights(program)
    source = generate(program, optimise=optimise)
    x = engine.inputs(model, count)
    linked = compile_for(source, CORES[core], optimise)
    run = emulate(linked, source, CORES[core], x)
    np.testing.assert_array_equal(run.outputs, outputs(model, x).reshape(run.outputs.shape))
    return run, linked, source


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


#: Flash, RAM and instructions on a Cortex-M4 that no form of a published model may exceed.
MOST = {
    "mlperf_ad01_int8": {"size": (181_000, 850), "balanced": (273_000, 900, 501_074)},
    "mlperf_kws_ref_model": {"size": (29_484, 10_124), "balanced": (33_888, 8_568, 4_814_857)},
    "mlperf_pretrainedResnet_quant": {
        "size": (82_480, 33_450), "balanced": (89_262, 35_600, 18_418_699)},
    "mlperf_vww_96_int8": {"size": (88_100, 37_000), "balanced": (248_152, 51_384, 15_292_724)},
}  # fmt: skip


@pytest.mark.parametrize("name", MOST)
def test_published_models_are_small_and_fast_and_balanced_is_between(engine, name):
    model, found = ground_truth(name), {}
    for optimise in get_args(Optimise):
        run, linked, source = check(engine, model, "cortex-m4", optimise, 1)
        ram = source.plan.size + run.stack_bytes
        found[optimise] = (linked.flash_bytes, ram, run.instructions)
    for optimise, most in MOST[name].items():
        assert all(figure <= limit for figure, limit in zip(found[optimise], most, strict=False))
    flash, _, instructions = zip(*(found[o] for o in ("size", "balanced", "speed")), strict=True)
    assert sorted(flash) == list(flash)
    assert sorted(instructions, reverse=True) == list(instructions)


def test_cores_are_found_by_what_devices_call_them():
    assert core_of("Cortex-M4F") is CORES["cortex-m4"]
    assert core_of("cortex-m0+") is CORES["cortex-m0plus"]
    assert core_of("xtensa-lx7") is None
