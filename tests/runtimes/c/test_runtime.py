"""The C runtime keeps the runtimes' contract, and its predictions hold."""

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ground_truth, small_cnn
from hypothesis import given, settings

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.networks.families import build_network
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.costs.predict import predict_costs, table_of
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.groups import constant_bytes, groups_of
from autotiny.runtimes.c.measure.compiler import compile_for
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.reading import read_program

RUNTIME = get_runtime("c")
M4 = Target(clock_hz=64_000_000, active_ma=5.0, supply_v=3.0)


def test_a_footprint_says_where_every_figure_comes_from():
    packed = RUNTIME.pack(small_cnn(), M4)
    footprint = RUNTIME.footprint(packed.image, M4, app_flash_bytes=100, app_ram_bytes=50)
    assert footprint.runtime == "c"
    assert footprint.flash_bytes == footprint.model_bytes + footprint.runtime_bytes + 100
    assert footprint.ram_bytes == footprint.arena_bytes + footprint.overhead_ram_bytes + 50
    assert set(footprint.origins) == set(footprint.errors)
    assert footprint.origins["arena_bytes"] == "measured"
    assert footprint.origins["runtime_bytes"] == "predicted"
    assert footprint.latency_s == pytest.approx(footprint.instructions / 64e6)
    assert footprint.margin("flash_bytes") > 0


def test_a_core_that_was_not_measured_is_estimated():
    image = RUNTIME.pack(small_cnn(), M4).image
    footprint = RUNTIME.footprint(image, Target(core="xtensa-lx7"))
    assert footprint.origins["runtime_bytes"] == "estimated"
    assert footprint.errors["runtime_bytes"] > 0.3


@pytest.mark.parametrize("optimise", ["size", "balanced"])
@pytest.mark.parametrize("core", list(CORES))
def test_every_core_has_its_table(core, optimise):
    table, known = table_of(core, optimise)
    assert known
    assert table["models"] >= 100
    assert 0 < table["code_error"] < (0.25 if optimise == "size" else 0.6)
    assert table["code"]["weighted"] > 0


@pytest.mark.parametrize("optimise", ["size", "balanced"])
@pytest.mark.parametrize("name", ["mlperf_ad01_int8", "mlperf_kws_ref_model"])
def test_predictions_hold_for_models_they_were_not_fitted_to(name, optimise):
    image = ground_truth(name)
    program = read_program(image)
    source = generate(encode_weights(program) if optimise == "size" else program, optimise=optimise)
    groups = groups_of(source.program)
    costs = predict_costs(groups, "cortex-m4", optimise)
    linked = compile_for(source, CORES["cortex-m4"], optimise)
    flash = constant_bytes(groups) + costs.code_bytes
    assert flash == pytest.approx(linked.flash_bytes, rel=0.03)
    assert costs.code_bytes == pytest.approx(linked.code_bytes, rel=costs.code_error)
    size = program.sizes[program.input.slot]
    run = emulate(linked, source, CORES["cortex-m4"], np.zeros((1, size), np.int8))
    assert costs.instructions == pytest.approx(run.instructions, rel=costs.instructions_error)
    assert run.stack_bytes <= costs.stack_bytes


@settings(max_examples=20, deadline=None)
@given(networks(max_layers=5))
def test_any_network_is_packed_to_tflms_outputs(engine, network):
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    packed = RUNTIME.pack(model, M4)
    x = engine.inputs(model, 3)
    np.testing.assert_array_equal(
        RUNTIME.outputs(packed.image, x), get_runtime("tflm").outputs(model, x)
    )
    assert RUNTIME.footprint(packed.image, M4).flash_bytes > 0


def test_few_bits_cost_what_they_take():
    network = build_network("ds_cnn", {"filters": 8, "blocks": 1}, (8, 8, 1), 4)
    costs = RUNTIME.precision_costs(network, M4)
    layer = network.weight_layers[0].name
    two = LayerPrecision(weight_bits=2, clustered=True)
    assert two in costs.options[layer]
    dense = costs.layer_bytes(layer, LayerPrecision(), frozenset())
    assert costs.layer_bytes(layer, two, frozenset()) < dense / 2
    assert set(costs.needs(two)) <= set(costs.code_bytes)


def test_what_it_leaves_to_tflm_is_said():
    with pytest.raises(UnsupportedModelError, match="autotiny compile"):
        RUNTIME.analyze(small_cnn(), M4)
    with pytest.raises(InputError, match="no weights called nothing"):
        RUNTIME.pack(small_cnn(), M4, encodings={"nothing": "int8"})
