"""Rewrites keep the function and leave what is cheapest on a device."""

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.networks.affine import Affine, UnresolvedAffineError, affine_arrays
from autotiny.networks.graph import INPUT, Network, chain
from autotiny.networks.layers import (
    Activation,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Multiply,
    Pool2D,
    Reshape,
    ZeroPad2D,
    with_inputs,
)
from autotiny.networks.rewrite import simplified
from autotiny.networks.surgery import removed
from autotiny.training.forward import logits


@settings(max_examples=40, deadline=None)
@given(networks(max_layers=5))
def test_simplified_networks_compute_the_same(network):
    weights, x = random_weights(network), random_samples(network, 4)
    simple, kept = simplified(network, weights)
    assert set(kept) == set(simple.weight_shapes())
    expected = logits(network, weights, x)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(logits(simple, kept, x) / scale, expected / scale, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(networks(max_layers=4), st.integers(0, 99), st.booleans())
def test_a_normalisation_anywhere_is_taken_by_a_layer(network, seed, trained):
    rng = np.random.default_rng(seed)
    names = [name for name, shape in network.shapes.items() if len(shape) == 3]
    tensor = names[seed % len(names)]
    channels = network.shapes[tensor][-1]
    scale, shift = rng.uniform(0.3, 2, channels), rng.normal(0, 0.5, channels)
    affine = Affine("norm", inputs=(tensor,), trained=trained)
    place = 1 + [INPUT, *(layer.name for layer in network.layers)].index(tensor)
    behind = [
        with_inputs(layer, ["norm" if name == tensor else name for name in layer.inputs])
        for layer in network.layers[place - 1 :]
    ]
    layers = (*network.layers[: place - 1], affine, *behind)
    weights = random_weights(network) | affine_arrays("norm", scale, shift)
    simple, kept = simplified(Network(network.input_shape, layers), weights)
    assert not any(isinstance(layer, Affine) for layer in simple.layers)

    as_layer = DepthwiseConv2D("norm", (1, 1), inputs=(tensor,), activation="linear")
    plain = Network(network.input_shape, (*network.layers[: place - 1], as_layer, *behind))
    reference = random_weights(network)
    reference["norm/kernel"] = scale.reshape(1, 1, -1, 1).astype(np.float32)
    reference["norm/bias"] = shift.astype(np.float32)
    x = random_samples(network, 4)
    expected = logits(plain, reference, x)
    size = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(logits(simple, kept, x) / size, expected / size, atol=1e-4)


def test_zeros_in_front_of_a_window_become_its_own():
    layers = (
        ZeroPad2D("pad", (0, 1), (1, 1)), Conv2D("c", 2, (3, 3), (2, 1), "valid"), Dense("out", 2)
    )  # fmt: skip
    network = chain((8, 7, 1), layers)
    simple, _ = simplified(network, random_weights(network))
    assert simple == chain((8, 7, 1), (Conv2D("c", 2, (3, 3), (2, 1), "same"), Dense("out", 2)))
    causal = chain((8, 1, 1), (ZeroPad2D("pad", (2, 0)), Conv2D("c", 2, (3, 1), padding="valid")))
    assert simplified(causal, random_weights(causal))[0] == causal


def test_squeeze_and_excitation_of_dense_layers_needs_no_reshape():
    network = Network(
        (6, 6, 4),
        (
            Pool2D("pool", "average", inputs=(INPUT,)),
            Dense("reduce", 2, inputs=("pool",), activation="relu"),
            Dense("expand", 4, inputs=("reduce",)),
            Activation("gate", "sigmoid", inputs=("expand",)),
            Reshape("view", (1, 1, 4), inputs=("gate",)),
            Multiply("scale", inputs=(INPUT, "view")),
            Dense("out", 2, inputs=("scale",)),
        ),
    )
    weights, x = random_weights(network), random_samples(network, 5)
    simple, kept = simplified(network, weights)
    kinds = [type(layer) for layer in simple.layers]
    assert kinds == [Pool2D, Conv2D, Conv2D, Activation, Multiply, Dense]
    np.testing.assert_allclose(logits(simple, kept, x), logits(network, weights, x), atol=1e-5)


def test_relu_moves_in_front_of_max_pooling_but_not_of_an_average():
    layers = (Conv2D("c", 2, (1, 1), activation="linear"), Pool2D("p", "max", (2, 2)))
    network = chain((6, 6, 1), (*layers, Activation("a", "relu"), Dense("out", 2)))
    assert [type(x) for x in simplified(network, random_weights(network))[0].layers] == [
        Conv2D, Pool2D, Dense
    ]  # fmt: skip
    averaged = chain(
        (6, 6, 1), (layers[0], Pool2D("p", "average", (2, 2)), Activation("a", "relu"))
    )
    assert len(simplified(averaged, random_weights(averaged))[0].layers) == 3


def test_a_normalisation_of_features_without_a_dense_reader_is_refused():
    network = chain((5,), (Dense("a", 3, activation="relu"), Affine("n"), Activation("t", "tanh")))
    weights = random_weights(removed(network, {}, network["n"])[0])
    weights |= affine_arrays("n", np.ones(3), np.ones(3))
    with pytest.raises(UnresolvedAffineError, match="n is followed by t"):
        simplified(network, weights)
