"""The kinds of layers: one file and one line here for each."""

from autotiny.networks.layers._base import (
    ActivatedLayer,
    ArraySpec,
    Channels,
    FusedActivation,
    Layer,
    Padding,
    Shape,
    WeightLayer,
    flattened,
    with_inputs,
)
from autotiny.networks.layers.activation import (
    ACTIVATION_FUNCTIONS,
    Activation,
    ActivationFunction,
    PRelu,
)
from autotiny.networks.layers.add import Add
from autotiny.networks.layers.concatenate import Concatenate
from autotiny.networks.layers.conv2d import Conv2D
from autotiny.networks.layers.dense import Dense
from autotiny.networks.layers.depthwise_conv2d import DepthwiseConv2D
from autotiny.networks.layers.multiply import Multiply
from autotiny.networks.layers.pool2d import Pool2D
from autotiny.networks.layers.reshape import Flatten, Reshape
from autotiny.networks.layers.softmax import Softmax
from autotiny.networks.layers.subtract import Subtract
from autotiny.networks.layers.zero_pad2d import ZeroPad2D

#: Every kind, by the name that stored networks call it.
LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Conv2D,
        DepthwiseConv2D,
        Dense,
        Pool2D,
        Add,
        Subtract,
        Multiply,
        Concatenate,
        ZeroPad2D,
        Activation,
        PRelu,
        Reshape,
        Flatten,
        Softmax,
    )
}

__all__ = [
    "ACTIVATION_FUNCTIONS",
    "LAYERS",
    "ActivatedLayer",
    "Activation",
    "ActivationFunction",
    "Add",
    "ArraySpec",
    "Channels",
    "Concatenate",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Flatten",
    "FusedActivation",
    "Layer",
    "Multiply",
    "PRelu",
    "Padding",
    "Pool2D",
    "Reshape",
    "Shape",
    "Softmax",
    "Subtract",
    "WeightLayer",
    "ZeroPad2D",
    "flattened",
    "with_inputs",
]
