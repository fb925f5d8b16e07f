"""Small networks, their weights and data for tests; strategies that draw any network."""

import numpy as np
from hypothesis import strategies as st

from autotiny.networks.families import build_network
from autotiny.networks.graph import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Network,
    Pool2D,
    initial_weights,
    output_shape,
)
from autotiny.tasks._base import Split

#: One small network of each family: shape of a sample, options.
FAMILIES = {
    "mlp": ((6, 4), {"units": (12, 9)}),
    "cnn": ((8, 7, 2), {"filters": (6, 8), "strides": (1, 2)}),
    "cnn-flat": ((6, 6, 1), {"filters": (5,), "head": "flatten", "batch_norm": False}),
    "ds_cnn": ((10, 6, 1), {"filters": 8, "blocks": 2, "stem_kernel": (4, 3)}),
}


def family_network(name, classes=4):
    """Return one of the small networks."""
    shape, options = FAMILIES[name]
    return build_network(name.partition("-")[0], options, shape, classes)


def random_weights(network, seed=0):
    """Return weights with biases and batch-norm statistics that are not neutral."""
    rng = np.random.default_rng(seed)
    weights = initial_weights(network, seed)
    for name, array in weights.items():
        kind = name.rpartition("/")[2]
        if kind in ("bias", "beta", "mean"):
            weights[name] = rng.normal(0, 0.3, array.shape).astype(np.float32)
        elif kind in ("gamma", "variance"):
            weights[name] = rng.uniform(0.4, 1.6, array.shape).astype(np.float32)
    return weights


def random_samples(network, count, seed=0):
    """Return normal samples of a network's input shape."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, *network.input_shape)).astype(np.float32)


def blobs(shape, classes, count, *, seed=0, centres=0, spread=0.5):
    """Return samples around one random point per class: easy to learn."""
    points = np.random.default_rng(centres).normal(size=(classes, *shape))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count)
    x = points[y] + rng.normal(0, spread, (count, *shape))
    return Split(x.astype(np.float32), y.astype(np.int64))


_sides = st.integers(1, 9)
_windows = st.tuples(st.integers(1, 4), st.integers(1, 4))
_strides = st.tuples(st.integers(1, 3), st.integers(1, 3))
_paddings = st.sampled_from(["same", "valid"])
_activations = st.sampled_from(["linear", "relu", "relu6"])


@st.composite
def networks(draw, max_layers=4, min_channels=1):
    """Draw a chain of layers of every kind that fits its input."""
    shape = (draw(_sides), draw(_sides), draw(st.integers(1, 4)))
    channels = st.integers(min_channels, 5)
    layers = []
    current = shape
    for i in range(draw(st.integers(0, max_layers))):
        common = {
            "kernel": draw(_windows),
            "stride": draw(_strides),
            "padding": draw(_paddings),
            "activation": draw(_activations),
            "batch_norm": draw(st.booleans()),
        }
        kind = draw(st.sampled_from(["conv", "depthwise", "max", "average"]))
        if kind == "conv":
            layer = Conv2D(f"l{i}", draw(channels), **common)
        elif kind == "depthwise":
            layer = DepthwiseConv2D(f"l{i}", **common)
        else:
            size = draw(st.none() | _windows)
            stride = None if size is None else draw(st.none() | _strides)
            layer = Pool2D(f"l{i}", kind, size, stride, common["padding"] if size else "valid")
        try:
            current = output_shape(layer, current)
        except ValueError:
            continue
        layers.append(layer)
    if draw(st.booleans()):
        layers.append(Dense("hidden", draw(channels), "relu", draw(st.booleans())))
    layers.append(Dense("out", draw(st.integers(2, 4)), draw(_activations)))
    return Network(shape, tuple(layers))
