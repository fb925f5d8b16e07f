"""Students: the right channels, the right counts, the same function where nothing is lost."""

import numpy as np
import pytest
from helpers_networks import family_network, networks, random_samples, random_weights
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autotiny.compression.width import MIN_CHANNELS, cut, scale_network, scaled_channels
from autotiny.lowering import write_float
from autotiny.networks.graph import Conv2D, Dense, DepthwiseConv2D, Network, Pool2D
from autotiny.tflite.litert import litert_interpreter

WIDTHS = st.floats(0.01, 1.0)


def outputs(network, weights, x):
    """Run the float model; proved equal to TensorFlow's in the tests of lowering."""
    interpreter = litert_interpreter(write_float(network, weights, batch=len(x)))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@given(networks())
def test_full_width_is_the_identity(network):
    weights = random_weights(network)
    student, inherited = cut(network, weights, 1.0)
    assert student == network
    assert set(inherited) == set(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(inherited[name], array)


@given(st.integers(1, 4096), WIDTHS)
def test_counts_stay_within_bounds(channels, width):
    kept = scaled_channels(channels, width)
    assert min(channels, MIN_CHANNELS) <= kept <= channels
    if channels * width >= MIN_CHANNELS:
        assert abs(kept - channels * width) <= 0.5


@given(networks(min_channels=2), WIDTHS)
def test_shapes_follow_the_scaled_counts(network, width):
    student, weights = cut(network, random_weights(network), width)
    assert student == scale_network(network, width)
    assert {name: array.shape for name, array in weights.items()} == student.weight_shapes()
    assert student.output_shape == network.output_shape
    for full, thin in zip(network.layers[:-1], student.layers[:-1], strict=True):
        if isinstance(full, Conv2D):
            assert thin.filters == scaled_channels(full.filters, width)
        elif isinstance(full, Dense):
            assert thin.units == scaled_channels(full.units, width)
        else:
            assert thin == full


def silence(network, weights, width, seed):
    """Zero random channels of every layer, as many as ``width`` removes, with all that follows."""
    rng = np.random.default_rng(seed)
    silent = np.array([], int)
    for layer in network.weight_layers[:-1]:
        if not isinstance(layer, DepthwiseConv2D):
            channels = weights[f"{layer.name}/kernel"].shape[-1]
            removed = channels - scaled_channels(channels, width)
            silent = rng.choice(channels, removed, replace=False)
            weights[f"{layer.name}/kernel"][..., silent] = 0
        for kind in ("bias", "beta", "mean"):
            if f"{layer.name}/{kind}" in weights:
                weights[f"{layer.name}/{kind}"][silent] = 0
    return weights


@settings(max_examples=40, deadline=None)
@given(networks(min_channels=3), st.floats(0.2, 0.9), st.integers(0, 99))
def test_student_without_silent_channels_is_the_same_function(network, width, seed):
    assume(len(network.weight_layers) > 1)
    weights = silence(network, random_weights(network, seed), width, seed)
    student, inherited = cut(network, weights, width)
    x = random_samples(network, 4, seed)
    expected = outputs(network, weights, x)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(outputs(student, inherited, x) / scale, expected / scale, atol=1e-5)


def test_flattened_plane_loses_the_blocks_of_removed_channels():
    network = Network(
        (2, 2, 1), (Conv2D("c", 4, (1, 1)), DepthwiseConv2D("d", (1, 1)), Dense("out", 2))
    )
    weights = random_weights(network)
    weights["c/kernel"][...] = [[[[1, 5, 2, 4]]]]
    weights["d/kernel"][...] = np.ones((1, 1, 4, 1))
    _, inherited = cut(network, weights, 0.5)
    np.testing.assert_array_equal(inherited["c/kernel"].ravel(), [5, 4])
    np.testing.assert_array_equal(
        inherited["out/kernel"], weights["out/kernel"].reshape(4, 4, 2)[:, [1, 3]].reshape(8, 2)
    )


def test_depthwise_filter_counts_with_its_convolution():
    network = Network((2, 2, 1), (Conv2D("c", 4, (1, 1)), DepthwiseConv2D("d", (1, 1)),
                                  Pool2D("p", "max"), Dense("out", 2)))  # fmt: skip
    weights = random_weights(network)
    weights["c/kernel"][...] = [[[[1, 5, 2, 4]]]]
    weights["d/kernel"][...] = np.array([9, 0.1, 9, 0.1]).reshape(1, 1, 4, 1)
    _, inherited = cut(network, weights, 0.5)
    np.testing.assert_array_equal(inherited["c/kernel"].ravel(), [1, 2])


@pytest.mark.parametrize("name", ["mlp", "cnn", "cnn-flat", "ds_cnn"])
def test_cutting_leaves_the_base_model_alone(name):
    network = family_network(name)
    weights = random_weights(network)
    before = {key: array.copy() for key, array in weights.items()}
    _, inherited = cut(network, weights, 0.5)
    for array in inherited.values():
        array[...] = 7
    for key, array in before.items():
        np.testing.assert_array_equal(weights[key], array)
