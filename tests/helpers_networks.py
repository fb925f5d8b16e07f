"""Small networks, their weights and data for tests; strategies that draw any network."""

import numpy as np
from hypothesis import strategies as st

from autotiny.networks.families import build_network
from autotiny.networks.graph import INPUT, Network
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import (
    ACTIVATION_FUNCTIONS,
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Multiply,
    Pool2D,
    PRelu,
    Reshape,
    Subtract,
    ZeroPad2D,
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
        if kind in ("bias", "beta", "mean", "alpha"):
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
PARTS = (
    "conv", "depthwise", "max", "average", "residual", "squeeze", "fire", "pad", "activation",
    "prelu", "reshape", "grouped", "dilated",
)  # fmt: skip


class _Sketch:
    """A network in the making: layers in order, and the tensor that the next one reads."""

    def __init__(self, draw, shape, channels):
        self._draw, self._channels = draw, channels
        self.layers, self.shapes, self.current = [], {INPUT: shape}, INPUT

    def add(self, kind, *args, inputs=None, **fields):
        """Append a layer and make it the current tensor; nothing happens if it cannot be."""
        names = inputs or (self.current,)
        layer = kind(f"l{len(self.layers)}", *args, inputs=names, **fields)
        try:
            shape = layer.output_shape(*(self.shapes[name] for name in names))
        except ValueError:
            return
        self.layers.append(layer)
        self.shapes[layer.name], self.current = shape, layer.name

    def part(self, part):
        """Append one layer or block of a kind."""
        getattr(self, f"_{part}")()

    @property
    def _width(self):
        return self.shapes[self.current][-1]

    def _window(self):
        return {
            "kernel": self._draw(_windows), "stride": self._draw(_strides),
            "padding": self._draw(_paddings), "activation": self._draw(_activations),
            "batch_norm": self._draw(st.booleans()),
        }  # fmt: skip

    def _conv(self):
        self.add(Conv2D, self._draw(self._channels), **self._window())

    def _depthwise(self):
        self.add(DepthwiseConv2D, multiplier=self._draw(st.integers(1, 2)), **self._window())

    def _pool(self, kind):
        size = self._draw(st.none() | _windows)
        stride = None if size is None else self._draw(st.none() | _strides)
        self.add(Pool2D, kind, size, stride, self._draw(_paddings) if size else "valid")

    def _max(self):
        self._pool("max")

    def _average(self):
        self._pool("average")

    def _residual(self):
        start = self.current
        norm, window = self._draw(st.booleans()), self._draw(_windows)
        self.add(Conv2D, self._draw(self._channels), window)
        self.add(Conv2D, self.shapes[start][-1], window, activation="linear", batch_norm=norm)
        pair = self._draw(st.permutations([start, self.current]))
        kind = self._draw(st.sampled_from([Add, Subtract]))
        self.add(kind, inputs=tuple(pair), activation=self._draw(_activations))

    def _squeeze(self):
        start = self.current
        self.add(Pool2D, "average")
        self.add(Conv2D, self._draw(self._channels), (1, 1))
        self.add(Conv2D, self.shapes[start][-1], (1, 1), activation="linear")
        self.add(Activation, "sigmoid")
        self.add(Multiply, inputs=(start, self.current))

    def _fire(self):
        start, names = self.current, []
        for window in ((1, 1), (3, 3)):
            self.add(Conv2D, self._draw(self._channels), window, inputs=(start,))
            names.append(self.current)
        self.add(Concatenate, inputs=tuple(names))

    def _pad(self):
        sides = st.tuples(st.integers(0, 2), st.integers(0, 2))
        self.add(ZeroPad2D, self._draw(sides), self._draw(sides))

    def _activation(self):
        slope = self._draw(st.sampled_from([0.0, 0.1, 0.3]))
        self.add(Activation, self._draw(st.sampled_from(ACTIVATION_FUNCTIONS)), slope=slope)

    def _prelu(self):
        self.add(PRelu, shared=self._draw(st.booleans()))

    def _reshape(self):
        height, width, channels = self.shapes[self.current]
        views = [
            (width, height, channels),
            (height * width, 1, channels),
            (1, height, width * channels),
        ]
        self.add(Reshape, self._draw(st.sampled_from(views)))

    def _grouped(self):
        groups = max(g for g in (1, 2, 3, 4, 5) if self._width % g == 0)
        filters = groups * self._draw(st.integers(1, 2))
        self.add(Conv2D, filters, (3, 3), groups=groups, batch_norm=self._draw(st.booleans()))

    def _dilated(self):
        dilation = self._draw(st.sampled_from([(2, 2), (1, 3), (3, 1)]))
        padding = self._draw(_paddings)
        if self._draw(st.booleans()):
            self.add(Conv2D, self._draw(self._channels), (2, 3), dilation=dilation, padding=padding)
        else:
            self.add(DepthwiseConv2D, (3, 2), dilation=dilation, padding=padding)


@st.composite
def networks(draw, max_layers=4, min_channels=1, parts=PARTS):
    """Draw a graph of layers and blocks of every kind that fits its input."""
    shape = (draw(_sides), draw(_sides), draw(st.integers(1, 4)))
    sketch = _Sketch(draw, shape, st.integers(min_channels, 5))
    for _ in range(draw(st.integers(0, max_layers))):
        sketch.part(draw(st.sampled_from(parts)))
    if draw(st.booleans()):
        norm = draw(st.booleans())
        sketch.add(Dense, draw(st.integers(min_channels, 5)), activation="relu", batch_norm=norm)
    sketch.add(Dense, draw(st.integers(2, 4)), activation=draw(_activations))
    return Network(shape, tuple(sketch.layers))
