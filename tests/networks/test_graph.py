"""Shapes, initial weights and batch-norm folding."""

import math

import numpy as np
import pytest
from helpers_networks import family_network, networks, random_samples, random_weights
from hypothesis import given
from hypothesis import strategies as st

from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import chain
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.training.forward import logits


@pytest.mark.parametrize("name", ["mlp", "cnn", "cnn-flat", "ds_cnn"])
def test_folding_batch_norm_keeps_the_function(name):
    network = family_network(name)
    weights, samples = random_weights(network), random_samples(network, 20)
    folded, folded_weights = fold_batch_norm(network, weights)
    np.testing.assert_allclose(
        logits(folded, folded_weights, samples), logits(network, weights, samples),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip
    assert set(folded_weights) == set(folded.weight_shapes())


@given(networks())
def test_folding_twice_changes_nothing(network):
    once = fold_batch_norm(network, random_weights(network))
    twice = fold_batch_norm(*once)
    assert twice[0] == once[0]
    assert not any(layer.batch_norm for layer in once[0].weight_layers)
    for name, array in once[1].items():
        np.testing.assert_array_equal(twice[1][name], array)


@given(networks())
def test_weights_have_the_shapes_promised(network):
    shapes = network.weight_shapes()
    weights = initial_weights(network, 3)
    assert {name: array.shape for name, array in weights.items()} == shapes
    assert all(array.dtype == np.float32 for array in weights.values())
    folded, folded_weights = fold_batch_norm(network, weights)
    assert {name: a.shape for name, a in folded_weights.items()} == folded.weight_shapes()


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.sampled_from(["same", "valid"]))
def test_plane_is_what_counting_windows_gives(side, window, stride, padding):
    layer = Pool2D("p", "max", (window, window), (stride, stride), padding)
    if padding == "same":
        expected = math.ceil(side / stride)
    else:
        expected = len([i for i in range(0, side, stride) if i + window <= side])
    if expected == 0:
        with pytest.raises(ValueError, match="does not fit"):
            layer.output_shape((side, side, 3))
    else:
        assert layer.output_shape((side, side, 3)) == (expected, expected, 3)


def test_plane_layers_need_a_plane():
    with pytest.raises(ValueError, match="height, width, channels"):
        Conv2D("c", 3, (1, 1)).output_shape((8,))


@pytest.mark.parametrize(
    ("layers", "kernel", "fan_in"),
    [
        ((Conv2D("a", 1, (3, 3)),), "a/kernel", 9 * 50),
        ((DepthwiseConv2D("a", (3, 3)),), "a/kernel", 9),
        ((Dense("a", 400),), "a/kernel", 20 * 20 * 50),
    ],
)
def test_initial_kernels_have_the_variance_of_he(layers, kernel, fan_in):
    network = chain((20, 20, 50), layers)
    values = initial_weights(network, 0)[kernel]
    assert values.std() == pytest.approx(math.sqrt(2 / fan_in), rel=0.1)


def test_initial_weights_depend_on_the_seed_alone():
    network = family_network("ds_cnn")
    first, again, other = (initial_weights(network, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["stem/kernel"], other["stem/kernel"])
