"""Cortex-M55 and its vector instructions, in QEMU: the same bits, and what it counts."""

import os
import shutil
import subprocess
from typing import get_args

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ground_truth
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.host import WARNINGS
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate, emulator_is_installed
from autotiny.runtimes.c.measure.qemu import emulate_in_qemu
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

M55 = CORES["cortex-m55"]


@pytest.fixture(scope="module", autouse=True)
def qemu():
    """Skip where QEMU is missing, or fail where it must be there."""
    if not emulator_is_installed(M55):
        if os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
            pytest.fail("there is no qemu-system-arm and AUTOTINY_REQUIRE_TOOLCHAIN=1")
        pytest.skip("there is no qemu-system-arm")


def run(engine, model, optimise, core=M55, count=2):
    """Return what a model does on a core, its outputs held against TFLM's."""
    source, x = generate(read_program(model), optimise=optimise), engine.inputs(model, count)
    done = emulate(compile_for(source, core, optimise), source, core, x)
    np.testing.assert_array_equal(done.outputs, outputs(model, x).reshape(done.outputs.shape))
    return done, source, x


@settings(max_examples=20, deadline=None)
@given(networks(max_layers=5), st.sampled_from(get_args(Optimise)))
def test_any_network(engine, network, optimise):
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    run(engine, model, optimise)


@pytest.mark.parametrize(
    ("name", "most"),
    [("mlperf_ad01_int8", 100_000), ("mlperf_kws_ref_model", 2_400_000),
     ("mlperf_pretrainedResnet_quant", 6_500_000), ("mlperf_vww_96_int8", 9_000_000)],
)  # fmt: skip
def test_published_models_take_half_of_what_they_take_without_vectors(engine, name, most):
    done, source, _ = run(engine, ground_truth(name), "balanced", count=1)
    assert "vmladavaq_p_s8" in source.code
    assert 0 < done.instructions < most
    assert 0 < done.stack_bytes < 500


def test_both_emulators_count_the_same(engine):
    core, model = CORES["cortex-m33"], ground_truth("mlperf_kws_ref_model")
    done, source, x = run(engine, model, "balanced", core, count=1)
    again = emulate_in_qemu(compile_for(source, core, "balanced"), source, core, x)
    np.testing.assert_array_equal(again.outputs, done.outputs)
    assert abs(again.instructions - done.instructions) < 100
    assert abs(again.stack_bytes - done.stack_bytes) <= 8


@pytest.mark.parametrize("optimise", ["balanced", "speed"])
def test_gcc_takes_it_without_a_warning(engine, tmp_path, optimise):
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc is None:
        pytest.skip("there is no arm-none-eabi-gcc")
    source = generate(read_program(ground_truth("mlperf_kws_ref_model")), optimise=optimise)
    (tmp_path / "model.h").write_text(source.header)
    (tmp_path / "model.c").write_text(source.code)
    command = [gcc, *WARNINGS, "-mcpu=cortex-m55", "-mfloat-abi=hard", "-O2", "-c", "model.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
