"""Every kind of layer has its entry everywhere, and computes the same wherever it runs.

A new kind joins by a line in ``SAMPLES``; one without that line, or without an entry in a table, is
named by the first tests.
"""

import numpy as np
import pytest
from helpers_networks import random_samples, random_weights

from autotiny.evaluation import io_quantisation, litert_outputs
from autotiny.lowering import activation_ranges, lower, write_float
from autotiny.lowering.operators import WRITERS
from autotiny.lowering.scales import RULES
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import INPUT, Network, network_from_plain, network_to_plain
from autotiny.networks.layers import (
    ACTIVATION_FUNCTIONS,
    LAYERS,
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Multiply,
    Pool2D,
    PRelu,
    Reshape,
    Softmax,
    Subtract,
    ZeroPad2D,
)
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.tflite.litert import litert_interpreter
from autotiny.training.forward import logits
from autotiny.training.operators import OPERATORS

SHAPE = (7, 6, 4)
OUT = Dense("out", 3, inputs=("x",))


def one(layer):
    """Return a network of one layer under test, ``x``, and a dense one."""
    return Network(SHAPE, (layer, OUT))


def two(layer):
    """Return a network that gives a layer, ``x``, the input and a convolution of it."""
    return Network(SHAPE, (Conv2D("c", 4, (1, 1), inputs=(INPUT,)), layer, OUT))


#: Networks with a layer of each kind.
SAMPLES = {
    Conv2D: [
        one(Conv2D("x", 5, (3, 2), (2, 1), "valid", inputs=(INPUT,), activation="relu6")),
        one(Conv2D("x", 6, (3, 3), inputs=(INPUT,), groups=2, batch_norm=True)),
        one(Conv2D("x", 3, (3, 2), inputs=(INPUT,), dilation=(2, 1))),
    ],
    DepthwiseConv2D: [
        one(DepthwiseConv2D("x", (3, 3), (2, 2), inputs=(INPUT,), batch_norm=True)),
        one(DepthwiseConv2D("x", (3, 2), (2, 1), inputs=(INPUT,), multiplier=2)),
        one(DepthwiseConv2D("x", (2, 2), inputs=(INPUT,), dilation=(2, 2), padding="valid")),
    ],
    Dense: [one(Dense("x", 9, inputs=(INPUT,), activation="relu", batch_norm=True))],
    Pool2D: [
        one(Pool2D("x", "max", (2, 3), (1, 2), "same", inputs=(INPUT,))),
        one(Pool2D("x", "average", inputs=(INPUT,))),
    ],
    Add: [two(Add("x", inputs=("c", INPUT), activation="relu"))],
    Subtract: [two(Subtract("x", inputs=(INPUT, "c"), activation="relu6"))],
    Multiply: [
        two(Multiply("x", inputs=("c", INPUT))),
        Network(
            SHAPE,
            (
                Pool2D("p", "average", inputs=(INPUT,)),
                Multiply("x", inputs=(INPUT, "p"), activation="relu6"),
                OUT,
            ),
        ),
    ],
    Concatenate: [two(Concatenate("x", inputs=("c", INPUT)))],
    ZeroPad2D: [one(ZeroPad2D("x", (2, 0), (1, 3), inputs=(INPUT,)))],
    Activation: [
        one(Activation("x", function, inputs=(INPUT,), slope=0.2))
        for function in ACTIVATION_FUNCTIONS
    ],
    PRelu: [one(PRelu("x", inputs=(INPUT,))), one(PRelu("x", inputs=(INPUT,), shared=False))],
    Reshape: [
        Network(
            SHAPE,
            (
                Reshape("r", (42, 1, 4), inputs=(INPUT,)),
                Conv2D("x", 2, (3, 1), inputs=("r",)),
                OUT,
            ),
        )
    ],
    Flatten: [one(Flatten("x", inputs=(INPUT,)))],
    Softmax: [
        Network(SHAPE, (Dense("x", 5, inputs=(INPUT,)), Softmax("soft", inputs=("x",)))),
    ],
}
CASES = [
    pytest.param(network, id=f"{kind.__name__}{number}")
    for kind, networks in SAMPLES.items()
    for number, network in enumerate(networks)
]


@pytest.mark.parametrize(
    ("what", "table"),
    [
        ("a test", SAMPLES), ("a forward pass", OPERATORS), ("a writer", WRITERS),
        ("a rule for its scale", RULES),
    ],
)  # fmt: skip
def test_every_kind_has_its_entry_in_every_table(what, table):
    assert set(table) == set(LAYERS.values()), f"each kind of layer needs {what}"


@pytest.mark.parametrize("network", CASES)
def test_a_layer_computes_the_same_in_tensorflow_and_as_written(network):
    weights, x = random_weights(network), random_samples(network, 6)
    interpreter = litert_interpreter(write_float(network, weights, batch=len(x)))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    written = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(logits(network, weights, x), written, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("network", CASES)
@pytest.mark.parametrize("kernels", ["reference", "cmsis-nn"])
def test_a_layer_is_near_its_float_self_in_int8_and_keeps_its_bits_when_packed(network, kernels):
    weights, x = random_weights(network), random_samples(network, 24)
    folded, folded_weights = fold_batch_norm(network, weights)
    model = lower(network, weights, {}, activation_ranges(folded, folded_weights, x))
    runtime, target = get_runtime("tflm"), Target(core="cortex-m4", kernels=kernels)
    packed = runtime.pack(model, target)
    footprint = runtime.footprint(packed.image, target)
    assert footprint.flash_bytes > footprint.model_bytes == len(packed.image)
    source, result = io_quantisation(model)
    steps = source.quantise(x)
    outputs = runtime.outputs(packed.image, steps)
    np.testing.assert_array_equal(outputs, runtime.outputs(model, steps))
    real = logits(network, weights, x)
    error = result.dequantise(outputs).reshape(real.shape) - real
    assert np.sqrt((error**2).mean()) < 0.1 * real.std()
    assert np.abs(outputs.astype(int) - litert_outputs(model, x).quantised).max() <= 4


@pytest.mark.parametrize("network", CASES)
def test_a_stored_network_is_read_back(network):
    assert network_from_plain(network_to_plain(network)) == network


def test_a_network_that_is_no_graph_is_refused():
    conv = Conv2D("c", 2, (1, 1), inputs=(INPUT,))
    with pytest.raises(ValueError, match="must be unique"):
        Network(SHAPE, (conv, conv))
    with pytest.raises(ValueError, match="before it"):
        Network(SHAPE, (Add("a", inputs=("c", INPUT)), conv))
    with pytest.raises(ValueError, match="must be read; c is not"):
        Network(SHAPE, (conv, Dense("out", 2, inputs=(INPUT,))))
    with pytest.raises(ValueError, match="one shape"):
        _ = Network(SHAPE, (conv, Add("a", inputs=("c", INPUT)))).shapes
