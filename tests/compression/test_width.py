"""Students: the right channels, the right counts, the same function where nothing is lost."""

import numpy as np
import pytest
from helpers_networks import PARTS, family_network, networks, random_samples, random_weights
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autotiny.compression.width import MIN_CHANNELS, cut, scale_network, scaled_channels
from autotiny.lowering import write_float
from autotiny.networks.channels import NetworkChannels
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.tflite.litert import litert_interpreter

WIDTHS = st.floats(0.01, 1.0)
#: What gives zeros for zeros: a channel of zeros that a sigmoid reads is one of halves behind it.
KEEPS_ZERO = tuple(part for part in PARTS if part != "activation")


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
    channels = NetworkChannels(network)
    alone = {group.layers[0]: group for group in channels.groups if len(group.layers) == 1}
    for layer in network.weight_layers:
        if layer.name in alone and not isinstance(layer, DepthwiseConv2D):
            group = alone[layer.name]
            cut_off = len(group.units) - scaled_channels(len(group.units), width)
            each = sum(len(channels.members[unit]) for unit in group.units) // len(group.units)
            before = network.shapes[layer.name][-1]
            assert student.shapes[layer.name][-1] <= before - cut_off * each or before == 1


def silence(network, weights, width, seed):
    """Zero random units, as many as ``width`` removes, with all that they pass through."""
    rng = np.random.default_rng(seed)
    channels = NetworkChannels(network)
    silent = []
    for group in channels.groups:
        count = len(group.units) - scaled_channels(len(group.units), width)
        silent += rng.choice(group.units, count, replace=False).tolist()
    for layer in network.weight_layers:
        where = np.flatnonzero(np.isin(channels.tensors[layer.name], silent))
        if not isinstance(layer, DepthwiseConv2D):
            weights[f"{layer.name}/kernel"][..., where] = 0
        for kind in ("bias", "beta", "mean"):
            if f"{layer.name}/{kind}" in weights:
                weights[f"{layer.name}/{kind}"][where] = 0
    return weights


@settings(max_examples=40, deadline=None)
@given(networks(min_channels=3, parts=KEEPS_ZERO), st.floats(0.2, 0.9), st.integers(0, 99))
def test_student_without_silent_channels_is_the_same_function(network, width, seed):
    assume(len(network.weight_layers) > 1)
    weights = silence(network, random_weights(network, seed), width, seed)
    student, inherited = cut(network, weights, width)
    x = random_samples(network, 4, seed)
    expected = outputs(network, weights, x)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(outputs(student, inherited, x) / scale, expected / scale, atol=1e-5)


def test_flattened_plane_loses_the_blocks_of_removed_channels():
    network = chain(
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
    network = chain((2, 2, 1), (Conv2D("c", 4, (1, 1)), DepthwiseConv2D("d", (1, 1)),
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
