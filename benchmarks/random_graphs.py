"""Random graphs of every operator that the C runtime has, for what no family of networks contains.

A graph is a model as it is read of a file, so that steps are made by the runtime's own readers.
"""

import math

import numpy as np

from autotiny.tflite.model import Model, Operator, Tensor

SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3
#: Functions of one value, and the scale and zero point of an output where TFLM asks for one.
TABLES = {
    "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0), "HARD_SWISH": None, "ELU": None,
    "LEAKY_RELU": None, "RELU": None, "RELU6": None, "QUANTIZE": None,
}  # fmt: skip


class Graph:
    """A graph that grows by one operator at a time behind its newest activation.

    Attributes:
        rng: What everything is drawn from.
        at: The newest activation.
    """

    def __init__(self, rng, shape):
        self.rng, self.tensors, self.operators = rng, [], []
        self.at = self.activation(shape)

    @property
    def shape(self):
        """Shape of the newest activation."""
        return self.tensors[self.at].shape

    @property
    def kind(self):
        """Its type."""
        return self.tensors[self.at].type

    def pick(self, *values):
        """Return one of the values."""
        return values[self.rng.integers(len(values))]

    def maybe(self, share):
        """Return True in this share of cases."""
        return bool(self.rng.random() < share)

    def model(self):
        """Return the graph as a model whose output is its newest activation."""
        return Model(
            3, tuple(self.tensors), tuple(self.operators), (0,), (self.at,), (), (), 0, 1, {}
        )

    def tensor(self, shape, kind, data=None, scales=(), zero_points=(), dim=0):
        """Add a tensor and return its index."""
        index = len(self.tensors)
        raw = None if data is None else np.ascontiguousarray(data).tobytes()
        shape = tuple(int(size) for size in shape)
        made = Tensor(
            index, f"t{index}", shape, kind, 0, raw, tuple(scales), tuple(zero_points), dim
        )
        self.tensors.append(made)
        return index

    def activation(self, shape, kind="int8", scale=None, zero=None):
        """Add an activation: after a ReLU its zero point is the least value, else any."""
        if kind == "int16":
            zero = 0
        if zero is None:
            zero = -128 if self.maybe(0.6) else int(self.rng.integers(-100, 100))
        scale = float(self.rng.uniform(0.01, 0.1)) if scale is None else scale
        if kind == "int16":
            scale /= 256
        return self.tensor(shape, kind, None, (scale,), (zero,))

    def apply(self, name, inputs, sink, **options):
        """Add an operator, whose output becomes the newest activation."""
        place = len(self.operators)
        self.operators.append(Operator(place, name, 1, tuple(inputs), (sink,), options))
        self.at = sink

    def like(self, **how):
        """Add an activation of the newest one's scale and type."""
        here = self.tensors[self.at]
        scale = here.scales[0] * (256 if here.type == "int16" else 1)
        return self.activation(
            how.pop("shape", here.shape), here.type, scale, here.zero_points[0], **how
        )

    def _sum(self, name, shape, out_shape, fan_in, dim, filters, **options):
        """Add a weighted sum; values of its output fill most of their range."""
        rng = self.rng
        here, kind = self.tensors[self.at], self.kind
        each = (self.maybe(0.75) and name != "FULLY_CONNECTED") or self.maybe(0.2)
        scales = rng.uniform(0.004, 0.01, filters if each else 1)
        weights = rng.integers(-127, 128, shape).astype(np.int8)
        kernel = self.tensor(shape, "int8", weights, map(float, scales), [0] * len(scales), dim)
        large = self.pick(2_000, 20_000, 200_000)
        bias = rng.integers(-large, large + 1, filters).astype("<i8" if kind == "int16" else "<i4")
        bias = self.tensor((filters,), "int64" if kind == "int16" else "int32", bias)
        step = here.scales[0] * (256 if kind == "int16" else 1)
        scale = step * 0.007 * math.sqrt(fan_in) * 50 * float(rng.uniform(0.5, 3))
        sink = self.activation(out_shape, kind, scale)
        self.apply(name, (self.at, kernel, bias), sink, **options)

    def convolution(self, filters, window, stride=(1, 1), padding=SAME, dilation=(1, 1), act=NONE,
                    groups=1):  # fmt: skip
        """Add a CONV_2D."""
        channels = self.shape[3]
        out = self._extent(window, stride, padding, dilation)
        depth = channels // groups
        self._sum(
            "CONV_2D", (filters, *window, depth), (1, *out, filters),
            math.prod(window) * depth, 0, filters, **self._options(stride, padding, dilation, act),
        )  # fmt: skip

    def depthwise(self, window, stride=(1, 1), padding=SAME, dilation=(1, 1), act=NONE, each=1):
        """Add a DEPTHWISE_CONV_2D of some filters for each channel."""
        filters = self.shape[3] * each
        out = self._extent(window, stride, padding, dilation)
        self._sum(
            "DEPTHWISE_CONV_2D", (1, *window, filters), (1, *out, filters), math.prod(window), 3,
            filters, **self._options(stride, padding, dilation, act),
        )  # fmt: skip

    def dense(self, units, act=NONE):
        """Add a FULLY_CONNECTED of all values."""
        features = math.prod(self.shape)
        self._sum(
            "FULLY_CONNECTED", (units, features), (1, units), features, 0, units,
            fused_activation_function=act,
        )  # fmt: skip

    def _extent(self, window, stride, padding, dilation=(1, 1)):
        sizes = []
        for size, seen, step, wide in zip(self.shape[1:3], window, stride, dilation, strict=True):
            span = 1 if padding == SAME else (seen - 1) * wide + 1
            sizes.append((size - span) // step + 1)
        return tuple(sizes)

    @staticmethod
    def _options(stride, padding, dilation, act):
        return {
            "padding": padding, "stride_h": stride[0], "stride_w": stride[1],
            "dilation_h_factor": dilation[0], "dilation_w_factor": dilation[1],
            "fused_activation_function": act,
        }  # fmt: skip

    def pool(self, name, window, stride, padding=VALID, act=NONE):
        """Add a pool over windows."""
        out = (1, *self._extent(window, stride, padding), self.shape[3])
        self.apply(
            name, (self.at,), self.like(shape=out), filter_height=window[0],
            filter_width=window[1], stride_h=stride[0], stride_w=stride[1], padding=padding,
            fused_activation_function=act,
        )  # fmt: skip

    def mean(self, axes=(1, 2)):
        """Add a MEAN over dimensions."""
        kept = tuple(size for place, size in enumerate(self.shape) if place not in axes)
        over = self.tensor((len(axes),), "int32", np.array(axes, "<i4"))
        self.apply("MEAN", (self.at, over), self.activation(kept))

    def flat(self):
        """Add a RESHAPE to one row."""
        self.apply("RESHAPE", (self.at,), self.like(shape=(1, math.prod(self.shape))))

    def join(self, name, other, act=NONE):
        """Add an ADD, SUB or MUL with another activation."""
        scales = [self.tensors[place].scales[0] for place in (self.at, other)]
        scale = scales[0] * scales[1] * 100 if name == "MUL" else sum(scales)
        wide = max(self.shape, self.tensors[other].shape, key=math.prod)
        sink = self.activation(wide, scale=scale * float(self.rng.uniform(0.7, 1.5)))
        pair = (self.at, other) if self.maybe(0.5) else (other, self.at)
        self.apply(name, pair, sink, fused_activation_function=act)

    def constant(self, shape):
        """Add a constant of any values."""
        values = self.rng.integers(-128, 128, shape).astype(np.int8)
        return self.tensor(shape, "int8", values, (float(self.rng.uniform(0.01, 0.1)),), (0,))

    def function(self, name):
        """Add a function of one value."""
        if name == "RELU6" and self.kind == "int16":
            return self.apply(name, (self.at,), self.like())
        how = TABLES[name]
        sink = self.like() if self.maybe(0.3) else self.activation(self.shape)
        sink = sink if how is None else self.activation(self.shape, "int8", *how)
        return self.apply(name, (self.at,), sink, alpha=0.1)

    def prelu(self):
        """Add a PRELU of a factor for each channel."""
        values = self.rng.integers(-128, 128, self.shape[-1]).astype(np.int8)
        shape = (*[1] * (len(self.shape) - 2), self.shape[-1])
        alpha = self.tensor(shape, "int8", values, (0.004,), (int(self.rng.integers(-9, 9)),))
        self.apply("PRELU", (self.at, alpha), self.activation(self.shape))

    def concatenation(self, *others, axis=3):
        """Add a CONCATENATION behind other activations."""
        places = (*others, self.at)
        shape = list(self.shape)
        shape[axis] = sum(self.tensors[place].shape[axis] for place in places)
        self.apply("CONCATENATION", places, self.like(shape=tuple(shape)), axis=axis)

    def pad(self, around):
        """Add a PAD of (before, after) of rows, columns and channels."""
        around = ((0, 0), *around)
        table = self.tensor((4, 2), "int32", np.array(around, "<i4"))
        shape = [size + sum(pair) for size, pair in zip(self.shape, around, strict=True)]
        self.apply("PAD", (self.at, table), self.like(shape=tuple(shape)))

    def quantize(self, kind):
        """Add a QUANTIZE to another type."""
        step = self.tensors[self.at].scales[0] * (256 if self.kind == "int16" else 1)
        sink = self.activation(self.shape, kind, step * float(self.rng.uniform(0.6, 1.8)))
        self.apply("QUANTIZE", (self.at,), sink)

    def softmax(self):
        """Add a SOFTMAX."""
        self.apply(
            "SOFTMAX", (self.at,), self.activation(self.shape, "int8", 1 / 256, -128), beta=1.0
        )
