"""Quantised flatbuffers: exactly the types and scales that a plan asks for, in TFLM's bits."""

import logging

import numpy as np
import pytest
from helpers_networks import FAMILIES, family_network, networks, random_samples, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.evaluation import io_quantisation, litert_outputs
from autotiny.lowering import activation_ranges, lower, unit_ranges, write_float
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.tflite.litert import litert_interpreter
from autotiny.tflite.reader import read_model

W4, A16 = LayerPrecision(weight_bits=4), LayerPrecision(activation_bits=16)


def clustered(bits):
    return LayerPrecision(weight_bits=bits, clustered=True)


def lowered(network, plan, *, seed=0, count=32):
    """Lower a network with random weights as the pipeline does."""
    network, weights = fold_batch_norm(network, random_weights(network, seed))
    samples = random_samples(network, count, seed)
    weights = snap_clustered(weights, plan_levels(network, weights, plan, seed=0))
    return lower(network, weights, plan, activation_ranges(network, weights, samples))


def tensors_of(model):
    return {tensor.name: tensor for tensor in read_model(model).tensors}


def kernel_of(model, name):
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    (detail,) = [d for d in interpreter.get_tensor_details() if d["name"] == name]
    return interpreter.get_tensor(detail["index"])


@pytest.mark.parametrize("name", FAMILIES)
def test_int8_throughout(name):
    network = family_network(name)
    model = lowered(network, {})
    tensors = tensors_of(model)
    assert "QUANTIZE" not in read_model(model).operator_names
    for layer in network.layers:
        assert tensors[layer.name].type == "int8"
    for layer in network.weight_layers:
        kernel, bias = (tensors[f"{layer.name}/{kind}"] for kind in ("kernel", "bias"))
        assert (kernel.type, bias.type) == ("int8", "int32")
        channels = 1 if isinstance(layer, Dense) else bias.shape[0]
        assert len(kernel.scales) == channels
    parsed = read_model(model)
    assert parsed.tensors[parsed.inputs[0]].type == parsed.tensors[parsed.outputs[0]].type == "int8"


@pytest.mark.parametrize(
    ("name", "layer"), [("mlp", "dense1"), ("cnn", "conv1"), ("ds_cnn", "pointwise0")]
)
def test_four_bit_weights_are_packed_in_that_layer_alone(name, layer):
    network = family_network(name)
    tensors = tensors_of(lowered(network, {layer: W4}))
    for other in network.weight_layers:
        expected = "int4" if other.name == layer else "int8"
        assert tensors[f"{other.name}/kernel"].type == expected
    channels = tensors[f"{layer}/bias"].shape[0] if name != "mlp" else 1
    assert len(tensors[f"{layer}/kernel"].scales) == channels
    assert all(tensors[other.name].type == "int8" for other in network.layers)


@pytest.mark.parametrize(
    ("layer", "quantizes"), [("stem", 2), ("depthwise0", 2), ("pointwise1", 2), ("classifier", 2)]
)
def test_sixteen_bit_layer_stands_between_quantize_operators(layer, quantizes):
    network = family_network("ds_cnn")
    model = lowered(network, {layer: A16})
    parsed = read_model(model)
    operators = [operator.name for operator in parsed.operators]
    assert operators.count("QUANTIZE") == quantizes
    for operator in parsed.operators:
        if operator.name == "QUANTIZE":
            ends = {
                parsed.tensors[operator.inputs[0]].type,
                parsed.tensors[operator.outputs[0]].type,
            }
            assert ends == {"int8", "int16"}
    wide = [
        operator
        for operator in parsed.operators
        if operator.name != "QUANTIZE" and parsed.tensors[operator.inputs[0]].type == "int16"
    ]
    # A pool works in its input's precision, so it joins the layer in front of it.
    assert len(wide) == (2 if layer == "pointwise1" else 1)
    assert parsed.tensors[wide[0].inputs[1]].name == f"{layer}/kernel"
    assert parsed.tensors[wide[0].inputs[1]].type == "int8"
    assert parsed.tensors[wide[0].inputs[2]].type == "int64"
    assert parsed.tensors[parsed.inputs[0]].type == parsed.tensors[parsed.outputs[0]].type == "int8"


def test_sixteen_bits_throughout_convert_at_the_ends_only():
    network = family_network("cnn")
    model = read_model(lowered(network, {layer.name: A16 for layer in network.weight_layers}))
    operators = [operator.name for operator in model.operators]
    assert operators[0] == operators[-1] == "QUANTIZE"
    assert "QUANTIZE" not in operators[1:-1]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([1, 2, 3, 4]), st.sampled_from(["mlp", "cnn", "ds_cnn"]), st.integers(0, 9))
def test_clustered_kernels_have_few_integers_under_one_scale(bits, name, seed):
    network = family_network(name)
    plan = {layer.name: clustered(bits) for layer in network.weight_layers}
    model = lowered(network, plan, seed=seed, count=4)
    tensors = tensors_of(model)
    for layer in network.weight_layers:
        assert tensors[f"{layer.name}/kernel"].type == "int8"
        assert len(tensors[f"{layer.name}/kernel"].scales) == 1
        assert len(np.unique(kernel_of(model, f"{layer.name}/kernel"))) <= 2**bits


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("precision", [None, W4, A16, clustered(3)], ids=str)
def test_litert_is_at_most_a_step_off_tflm(name, precision):
    """Over many seeds 0.970 to 0.9996 of outputs are equal, and the others are one step off."""
    network = family_network(name)
    layers = [layer for layer in network.weight_layers if not isinstance(layer, DepthwiseConv2D)]
    plan = {} if precision is None else {layers[0].name: precision}
    model = lowered(network, plan)
    x = random_samples(network, 100, seed=5)
    quantised = io_quantisation(model)[0].quantise(x)
    desktop = litert_outputs(model, x).quantised
    device = get_runtime("tflm").outputs(model, quantised)
    assert desktop.dtype == device.dtype == np.int8
    difference = np.abs(desktop.astype(int) - device)
    assert difference.max() <= 1
    assert (difference == 0).mean() >= 0.95
    assert (desktop.argmax(axis=1) == device.argmax(axis=1)).mean() >= 0.98


@pytest.mark.parametrize("name", FAMILIES)
def test_quantised_outputs_are_near_the_float_ones(name):
    network = family_network(name)
    weights, x = random_weights(network), random_samples(network, 64)
    folded, folded_weights = fold_batch_norm(network, weights)
    ranges = activation_ranges(folded, folded_weights, x)
    model = lower(network, weights, {}, ranges)
    interpreter = litert_interpreter(write_float(network, weights, batch=len(x)))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    real = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    error = litert_outputs(model, x).real - real
    assert np.sqrt((error**2).mean()) < 0.05 * real.std()


@settings(max_examples=15, deadline=None)
@given(networks(), st.sampled_from([1, 3, 64, 130]))
def test_ranges_of_a_batch_are_the_extremes_of_its_samples(network, count):
    weights, samples = random_weights(network), random_samples(network, count)
    together = activation_ranges(network, weights, samples)
    alone = [activation_ranges(network, weights, sample[None]) for sample in samples[:5]]
    assert set(together) == {"input", *(layer.name for layer in network.layers)}
    assert together["input"] == (samples.min(), samples.max())
    if count <= 5:
        for name, (low, high) in together.items():
            ends = [(0.0, 0.0) if r[name] == (0.0, 1.0) else r[name] for r in alone]
            extremes = (min(low for low, _ in ends), max(high for _, high in ends))
            if extremes == (0.0, 0.0):
                extremes = (0.0, 1.0)
            assert (low, high) == pytest.approx(extremes, rel=1e-5, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(networks())
def test_any_network_lowers_and_runs_in_tflm(network):
    model = lowered(network, {}, count=8)
    x = random_samples(network, 4, seed=1)
    quantised = io_quantisation(model)[0].quantise(x)
    device = get_runtime("tflm").outputs(model, quantised)
    desktop = litert_outputs(model, x).quantised
    # A step off in front of a dense layer is a few behind it.
    assert np.abs(desktop.astype(int) - device).max() <= 8


def test_layer_that_is_always_zero_still_runs():
    network = chain((4,), (Dense("a", 4, activation="relu"), Dense("out", 3)))
    weights = random_weights(network)
    weights["a/bias"] -= 100
    x = random_samples(network, 8)
    ranges = activation_ranges(network, weights, x)
    assert ranges["a"] == (0.0, 1.0)
    model = lower(network, weights, {}, ranges)
    expected = np.broadcast_to(weights["out/bias"], (8, 3))
    np.testing.assert_allclose(litert_outputs(model, x).real, expected, atol=0.02)
    quantised = io_quantisation(model)[0].quantise(x)
    np.testing.assert_array_equal(
        get_runtime("tflm").outputs(model, quantised), litert_outputs(model, x).quantised
    )


def test_unit_ranges_name_every_tensor():
    network = chain((6, 6, 1), (Conv2D("c", 2, (3, 3)), Pool2D("p", "max"), Dense("out", 2)))
    assert set(unit_ranges(network)) == {"input", "c", "p", "out"}


def test_quantising_leaves_logging_as_it_was():
    logging.disable(logging.ERROR)
    try:
        lowered(family_network("mlp"), {})
        assert logging.root.manager.disable == logging.ERROR
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("factor", [0.0, 1e-7])
def test_biases_of_filters_that_are_nearly_zero_are_kept(factor):
    network = chain((6, 6, 2), (Conv2D("c", 3, (3, 3), activation="linear"), Dense("d", 2)))
    weights = random_weights(network)
    weights["c/kernel"][..., 1] *= factor
    weights["c/bias"][:] = 0.5
    samples = random_samples(network, 64)
    whole = chain((6, 6, 2), (Conv2D("c", 3, (3, 3), activation="linear"),))
    kernels = {name: weights[name] for name in ("c/kernel", "c/bias")}
    model = lower(whole, kernels, {}, activation_ranges(whole, kernels, samples))
    outputs = litert_outputs(model, samples).real.reshape(-1, 3)
    assert outputs[:, 1] == pytest.approx(np.full(len(outputs), 0.5), abs=0.05)
