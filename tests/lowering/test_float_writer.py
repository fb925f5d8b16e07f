"""The float flatbuffer computes what TensorFlow computes, and TFLM takes it too."""

import numpy as np
import pytest
from helpers_networks import FAMILIES, family_network, networks, random_samples, random_weights
from hypothesis import example, given, settings

from autotiny.lowering import write_float
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.runtimes.tflm import interpreter as tflm
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.tflite.litert import litert_interpreter
from autotiny.tflite.reader import read_model
from autotiny.training.forward import forward


def tensorflow_outputs(network, weights, x):
    tf = prepare_tensorflow(0)
    tensors = {name: tf.constant(array) for name, array in weights.items()}
    return forward(network, tensors, tf.constant(x))[0].numpy()


def litert_run(model, x):
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def check(network, run=litert_run):
    weights, x = random_weights(network), random_samples(network, 3)
    expected = tensorflow_outputs(network, weights, x)
    got = run(write_float(network, weights, batch=len(x)), x)
    assert got.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got / scale, expected / scale, rtol=1e-4, atol=1e-5)


def one(layer, shape):
    return chain(shape, (layer, Dense("out", 3)))


@settings(max_examples=50, deadline=None)
@given(networks())
@example(one(DepthwiseConv2D("d", (3, 3), (1, 2), batch_norm=True), (7, 8, 2)))
@example(one(DepthwiseConv2D("d", (2, 3), (3, 1), "valid", activation="relu6"), (7, 8, 2)))
@example(one(Conv2D("c", 1, (3, 1), (2, 1), batch_norm=True), (9, 1, 1)))
@example(one(Pool2D("p", "average", (3, 3), (2, 2), "same"), (5, 4, 2)))
@example(one(Pool2D("p", "max", (3, 2), (1, 2), "same"), (5, 1, 2)))
@example(one(Pool2D("p", "average"), (5, 4, 2)))
@example(one(Conv2D("c", 3, (1, 3), (1, 2)), (6, 2, 1)))
@example(one(Conv2D("c", 3, (10, 4), (1, 2)), (8, 1, 1)))
@example(one(DepthwiseConv2D("d", (1, 3), (1, 2)), (6, 2, 1)))
def test_litert_computes_what_tensorflow_computes(network):
    check(network)


@pytest.mark.parametrize("name", FAMILIES)
def test_families_agree_in_litert(name):
    check(family_network(name))


@pytest.mark.parametrize("name", FAMILIES)
def test_families_agree_in_tflm(name):
    network = family_network(name)
    weights, x = random_weights(network), random_samples(network, 5)
    got = tflm.outputs(write_float(network, weights), x)
    np.testing.assert_allclose(got, tensorflow_outputs(network, weights, x), rtol=1e-4, atol=1e-4)


def test_dense_takes_a_feature_map_without_reshape():
    network = family_network("cnn-flat")
    model = read_model(write_float(network, random_weights(network)))
    names = [operator.name for operator in model.operators]
    assert names == ["CONV_2D", "FULLY_CONNECTED"]
