"""Encodings, proved by reading the weights back through the real interpreter."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.encodings import ENCODINGS, Weights
from autotiny.runtimes.tflm.graph import INT8, UINT8, Graph, Operator, Quantization, Tensor
from autotiny.runtimes.tflm.image import write_image

ONE = Quantization((1.0,), (0,))
AXES = {"dense": 0, "conv": 0, "depthwise": 3}


def image(kind, weights, encoded):
    """Return one layer with all scales 1, whose weights come through DECODE."""
    shape = weights.values.shape
    channels = 1 if weights.channel_axis is None else shape[weights.channel_axis]
    scales = Quantization((1.0,) * channels, (0,), weights.channel_axis or 0)
    if kind == "dense":
        code, options = 9, (8, schema.FullyConnectedOptionsT())
        source, result = (1, shape[1]), (1, shape[0])
    else:
        code = 3 if kind == "conv" else 4
        table = schema.Conv2DOptionsT() if kind == "conv" else schema.DepthwiseConv2DOptionsT()
        table.padding, table.strideW, table.strideH, table.depthMultiplier = 1, 1, 1, 1
        options = (1 if kind == "conv" else 2, table)
        source, result = (1, *shape[1:]), (1, 1, 1, shape[AXES[kind]])
    tensors = (
        Tensor("", source, INT8, None, ONE),
        Tensor("", shape, INT8, None, scales),
        Tensor("", result, INT8, None, ONE),
        Tensor("", (len(encoded.data),), UINT8, encoded.data, alignment=encoded.alignment),
        Tensor("", (len(encoded.ancillary),), UINT8, encoded.ancillary),
    )
    operators = (
        Operator(32, (3, 4), (1,), custom_code="TFLM_DECODE"),
        Operator(code, (0, 1), (2,), options=options),
    )
    return write_image([Graph(tensors, operators, (0,), (2,))])


def read_back(kind, weights, encoded):
    """Return the weights that the layer applies: its outputs for inputs with a single 1."""
    shape = weights.values.shape
    if kind == "depthwise":
        ones = np.eye(shape[1] * shape[2], dtype=np.int8)[:, :, None].repeat(shape[3], axis=2)
    else:
        ones = np.eye(int(np.prod(shape[1:])), dtype=np.int8)
    samples = ones.reshape(-1, *shape[1:])
    outputs = interpreter.outputs(image(kind, weights, encoded), samples, trusted=True)
    columns = outputs.reshape(len(samples), -1)
    return (columns if kind == "depthwise" else columns.T).reshape(shape)


@st.composite
def layers(draw):
    """Draw a layer kind and weights of any sparsity and number of distinct values."""
    kind = draw(st.sampled_from(sorted(AXES)))
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    plane = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    shape = {
        "dense": (rows, columns),
        "conv": (rows, *plane, columns % 5 + 1),
        "depthwise": (1, *plane, columns),
    }[kind]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    distinct = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 13, 16, 32, 64, 100, 128, 129, 256]))
    table = rng.permutation(256)[:distinct] - 128
    # A skewed draw gives Huffman codes of very different lengths.
    skew = draw(st.sampled_from([1, 4, 16]))
    values = table[(rng.random(shape) ** skew * distinct).astype(int)].astype(np.int8)
    values[rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.8, 0.99, 1.0]))] = 0
    return kind, Weights(values, AXES[kind] if draw(st.booleans()) and rows > 1 else None)


@settings(max_examples=80, deadline=None)
@given(layers())
def test_every_decoded_weight_is_the_one_that_was_encoded(layer):
    kind, weights = layer
    if weights.channel_axis is not None and weights.values.shape[weights.channel_axis] == 1:
        weights = Weights(weights.values)
    for name, encoding in ENCODINGS.items():
        if encoding.needs_decode and encoding.refusal(weights) is None:
            encoded = encoding.encode(weights)
            np.testing.assert_array_equal(read_back(kind, weights, encoded), weights.values, name)


@settings(max_examples=80, deadline=None)
@given(layers())
def test_sizes_are_exact(layer):
    _, weights = layer
    for encoding in ENCODINGS.values():
        if encoding.refusal(weights) is None:
            encoded = encoding.encode(weights)
            stored = [encoded.data] + [encoded.ancillary] * encoding.needs_decode
            assert encoding.sizes(weights) == tuple(map(len, stored)), encoding.name


def test_every_width_of_table_is_reached_on_long_channels():
    # The runtime has loops of its own for 2, 3 and 4 bits that take 16 or 32 values at a time.
    rng = np.random.default_rng(0)
    for width in range(1, 8):
        for axis in (None, 0):
            weights = Weights(rng.integers(0, 2**width, (3, 101)).astype(np.int8) - 60, axis)
            for tables in ("", "/shared", "/channel"):
                encoding = ENCODINGS[f"lut{width}{tables}"]
                if (tables == "") == (axis is None):
                    back = read_back("dense", weights, encoding.encode(weights))
                    np.testing.assert_array_equal(back, weights.values)


def test_huffman_codes_longer_than_one_look_up():
    # Fibonacci counts make the deepest code tree there is.
    counts = [1, 1]
    while len(counts) < 16:
        counts.append(counts[-1] + counts[-2])
    values = np.repeat(np.arange(16) - 8, counts).astype(np.int8)
    np.random.default_rng(0).shuffle(values)
    weights = Weights(values[: values.size // 8 * 8].reshape(8, -1))
    encoded = ENCODINGS["huffman"].encode(weights)
    np.testing.assert_array_equal(read_back("dense", weights, encoded), weights.values)


def test_huffman_comes_within_a_bit_per_value_of_the_entropy():
    values = np.clip(np.random.default_rng(0).normal(0, 20, (64, 256)), -127, 127).astype(np.int8)
    weights = Weights(values)
    share = weights.histogram[weights.histogram > 0] / weights.size
    entropy = -(share * np.log2(share)).sum()
    data, _ = ENCODINGS["huffman"].sizes(weights)
    assert entropy <= 8 * data / weights.size < entropy + 0.1


def test_int4_keeps_the_first_value_in_the_low_half():
    encoded = ENCODINGS["int4"].encode(Weights(np.array([[1, -2, 7]], np.int8)))
    assert encoded.data == bytes([0xE1, 0x07])


WIDE = Weights(np.arange(-10, 10, dtype=np.int8).reshape(4, 5), 0)


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("lut4", WIDE, "one scale per tensor and its scales are per channel"),
        ("lut4/shared", WIDE, "holds 16 values and it has 20 distinct ones"),
        ("lut2/channel", WIDE, "holds 4 values and it has 5 distinct ones in a channel"),
        ("lut4/channel", Weights(WIDE.values), "scales per channel and it has one scale"),
        ("lut3", Weights(WIDE.values), "holds 8 values and it has 20"),
        ("int4", WIDE, "must lie from -8 to 7 and lie from -10 to 9"),
        ("pruned", Weights(WIDE.values, 0, zero_point=3), "decodes to the zero point"),
        ("pruned", Weights(np.zeros((2, 3, 4), np.int8), 1), "lie on axis 1"),
        ("lut1/shared", Weights(np.zeros((2, 3, 4), np.int8), 1), "lie on axis 1"),
    ],
)
def test_refusals_say_the_rule_and_the_value(name, weights, words):
    assert words in ENCODINGS[name].refusal(weights)


def test_a_table_per_channel_is_smaller_where_channels_have_few_values_each():
    rng = np.random.default_rng(0)
    values = (rng.integers(0, 2, (8, 200)) + 10 * np.arange(8)[:, None]).astype(np.int8)
    weights = Weights(values, 0)
    assert sum(ENCODINGS["lut1/channel"].sizes(weights)) < sum(
        ENCODINGS["lut4/shared"].sizes(weights)
    )
