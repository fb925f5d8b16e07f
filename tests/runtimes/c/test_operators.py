"""Every operator in forms that our own writer does not write, against TFLM's bits; and refusals."""

from typing import get_args

import numpy as np
import pytest
from helpers_tflite import ModelBuilder, conv, dense, pool, softmax
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.operators import OPERATORS
from autotiny.runtimes.c.reading import read_program

PLANE = (1, 5, 4, 6)


def start(shape=PLANE, scale=0.07, zero_point=-9):
    b = ModelBuilder()
    return b, b.tensor(list(shape), scales=(scale,), zero_points=(zero_point,))


def of_one(name, options=None, shape=PLANE, out=None, scales=(0.05,), zero=3, **values):
    """Return a model of one operator of one input."""
    b, x = start(shape)
    y = b.tensor(list(out or shape), scales=scales, zero_points=(zero,))
    b.operator(name, [x], [y], options, **values)
    return b.finish([x], [y])


def of_two(name, shape_1, shape_2, constant=None, activation=0, scale_2=0.03):
    """Return a model of one operator of two inputs; the second is made from the first."""
    b, x = start(shape_1)
    size_2 = int(np.prod(shape_2))
    if constant is None:
        second = dense_like(b, x, size_2, scale_2)
        other = b.tensor(list(shape_2), scales=(scale_2,), zero_points=(4,))
        sizes = b.tensor([len(shape_2)], "int32", np.array(shape_2, np.int32))
        b.operator("RESHAPE", [second, sizes], [other], "ReshapeOptions", newShape=list(shape_2))
    else:
        other = b.constant(list(shape_2), scales=(scale_2,), zero_points=(4,))
    wide = shape_1 if np.prod(shape_1) >= size_2 else shape_2
    y = b.tensor(list(wide), scales=(0.09,), zero_points=(-20,))
    pair = [other, x] if constant == "first" else [x, other]
    kind = name.title() + "Options"
    b.operator(name, pair, [y], kind, fusedActivationFunction=activation)
    return b.finish([x], [y])


def dense_like(b, x, units, scale):
    w = b.constant([units, int(np.prod(PLANE))], scales=[0.02])
    y = b.tensor([1, units], scales=(scale,), zero_points=(4,))
    b.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")
    return y


def floats_between(*names):
    """Return a model of float operators between DEQUANTIZE and QUANTIZE."""
    b, x = start()
    between = [b.tensor(list(PLANE), "float32") for _ in range(len(names) + 1)]
    b.operator("DEQUANTIZE", [x], [between[0]], "DequantizeOptions")
    for name, source, sink in zip(names, between, between[1:], strict=False):
        b.operator(name, [source], [sink])
    y = b.tensor(list(PLANE), scales=(0.04,), zero_points=(-50,))
    b.operator("QUANTIZE", [between[-1]], [y], "QuantizeOptions")
    return b.finish([x], [y])


def mean(axes, keep):
    b, x = start()
    dims = len(PLANE)
    kept = [1 if i in axes else n for i, n in enumerate(PLANE)]
    shape = kept if keep else [n for i, n in enumerate(PLANE) if i not in axes]
    a = b.tensor([len(axes)], "int32", np.array([i - dims * (i > 1) for i in axes], np.int32))
    y = b.tensor(shape, scales=(0.02,), zero_points=(11,))
    b.operator("MEAN", [x, a], [y], "ReducerOptions", keepDims=keep)
    return b.finish([x], [y])


def padded(name, value=None):
    b, x = start()
    around = np.array([[0, 0], [1, 2], [0, 3], [2, 1]], np.int32)
    p = b.tensor([4, 2], "int32", around)
    shape = [n + int(s.sum()) for n, s in zip(PLANE, around, strict=True)]
    y = b.tensor(shape, scales=(0.07,), zero_points=(-9,))
    inputs = [x, p]
    if value is not None:
        inputs.append(
            b.tensor([1], "int8", np.array([value], np.int8), scales=(0.07,), zero_points=(-9,))
        )
    b.operator(name, inputs, [y], "PadV2Options" if value is not None else "PadOptions")
    return b.finish([x], [y])


def joined(axis):
    b, x = start()
    shape = list(PLANE)
    shape[axis] *= 2
    y = b.tensor(shape, scales=(0.07,), zero_points=(-9,))
    b.operator("CONCATENATION", [x, x], [y], "ConcatenationOptions", axis=axis)
    return b.finish([x], [y])


def classified(scale):
    b, x = start((1, 6), scale, 10)
    return b.finish([x], [softmax(b, x)])


def low_bits():
    b, x = start((1, 7, 6, 3))
    y = conv(b, x, 5, weights="int4")
    z = pool(b, y, "AVERAGE", (3, 2), 2)
    return b.finish([x], [dense(b, z, 3, weights="int4")])


def mixed_dense():
    b, x = start((1, 20))
    y = dense(b, x, 70)
    return b.finish([x], [dense(b, dense(b, y, 9, per_channel=True), 5)])


MODELS = {
    "mean hw": mean((1, 2), False), "mean w kept": mean((2,), True),
    "mean all": mean((1, 2, 3), False), "mean channels": mean((3,), True),
    "pad": padded("PAD"), "padv2": padded("PADV2", -33),
    **{f"concatenation {axis}": joined(axis) for axis in (1, 2, 3)},
    **{f"softmax {scale}": classified(scale) for scale in (1e-4, 0.01, 0.11, 0.6, 30.0)},
    "int4": low_bits(), "dense of both kinds": mixed_dense(),
    **{
        f"{name} {shape_2} {constant}": of_two(name, PLANE, shape_2, constant)
        for name in ("ADD", "SUB", "MUL")
        for shape_2 in (PLANE, (1, 1, 1, 6), (1, 1, 1, 1))
        for constant in (None, "second", "first")
    },
    "ADD relu6": of_two("ADD", PLANE, PLANE, activation=3),
    "MUL relu": of_two("MUL", PLANE, PLANE, activation=1),
    "MUL -1 to 1": of_two("MUL", PLANE, PLANE, activation=2),
    "leaky": of_one("LEAKY_RELU", "LeakyReluOptions", alpha=0.3),
    "logistic": of_one("LOGISTIC", scales=(1 / 256,), zero=-128),
    "tanh": of_one("TANH", scales=(1 / 128,), zero=0),
    "hard swish": of_one("HARD_SWISH", "HardSwishOptions"),
    "relu": of_one("RELU"), "relu6": of_one("RELU6", scales=(0.07,), zero=-9),
    "elu": of_one("ELU"), "no float": floats_between(), "float elu": floats_between("ELU"),
    "two floats": floats_between("TANH", "ELU"),
    "quantize": of_one("QUANTIZE", "QuantizeOptions"),
    "expand": of_one("EXPAND_DIMS", None, out=(1, *PLANE), scales=(0.07,), zero=-9),
}  # fmt: skip
#: Of these more is in the random networks.
ELSEWHERE = {"DEPTHWISE_CONV_2D", "MAX_POOL_2D", "PRELU", "SQUEEZE", "SHAPE", "STRIDED_SLICE",
             "PACK", "CONV_2D"}  # fmt: skip


def test_every_operator_is_tried():
    from autotiny.tflite.reader import read_model

    seen = {name for model in MODELS.values() for name in read_model(model).operator_names}
    assert set(OPERATORS) - ELSEWHERE <= seen


@pytest.mark.parametrize("name", MODELS)
def test_same_bits(engine, compiler, name):
    model = MODELS[name]
    if name == "expand":  # TFLM wants its axis as a second input; a view is a view
        assert read_program(model).steps == ()
        return
    for optimise in get_args(Optimise):
        engine.same_bits(model, generate(read_program(model), optimise=optimise), compiler, 60)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-4, 3), st.floats(1e-4, 3), st.floats(1e-3, 3), st.sampled_from(["ADD", "SUB"]))
@example(1.6961769578929409, 1.8528006525105527, 1.125, "SUB")  # single precision is not enough
def test_sums_of_any_scales(engine, compiler, one, two, out, name):
    b = ModelBuilder()
    x = b.tensor([1, 256], scales=(one,), zero_points=(5,))
    c = b.tensor([1, 256], "int8", np.arange(-128, 128).astype(np.int8), scales=(two,))
    y = b.tensor([1, 256], scales=(out,), zero_points=(-7,))
    b.operator(name, [x, c], [y], name.title() + "Options")
    model = b.finish([x], [y])
    engine.same_bits(model, generate(read_program(model)), compiler, 30)


def refusals():
    b, x = start()
    y = b.tensor(list(PLANE), "int16")
    b.operator("QUANTIZE", [x], [y], "QuantizeOptions")
    yield b.finish([x], [y]), "the output is int16"
    b, x = start((1, 4, 4, 2))
    y = b.tensor([1, 4, 4, 2])
    b.operator("SIN", [x], [y])
    yield b.finish([x], [y]), "no operator SIN; it has ADD"
    b, x = start((1, 4))
    y, z = b.tensor([1, 4], "float32"), b.tensor([1, 4], "float32")
    b.operator("DEQUANTIZE", [x], [y], "DequantizeOptions")
    b.operator("ADD", [y, y], [z], "AddOptions")
    yield b.finish([x], [b.tensor([1, 4])]), "both its inputs are float32 or constants"
    b, x = start((1, 4, 4, 2))
    y = b.tensor([1, 4, 4, 2], "float32")
    b.operator("DEQUANTIZE", [x], [y], "DequantizeOptions")
    z = pool(b, y, "MAX", (2, 2), 2)
    yield b.finish([x], [z]), "its input 0 is float32"
    b, x = start((1, 4))
    w = b.constant([2, 4], "float32")
    y = b.tensor([1, 2])
    b.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")
    yield b.finish([x], [y]), "its weights are float32"
    b, x = start((2, 4))
    yield b.finish([x], [dense(b, x, 3)]), "one sample at a time"
    b, x = start((1, 4, 5, 3))
    y = pool(b, x, "MAX", (2, 2), 2)
    b.graph.tensors[y].quantization.scale = [0.5]
    yield b.finish([x], [y]), "different scales"


@pytest.mark.parametrize(("model", "sentence"), list(refusals()))
def test_what_it_has_not_is_one_sentence(model, sentence):
    with pytest.raises(UnsupportedModelError, match=sentence) as caught:
        read_program(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"nothing", b"\0\0\0\0TFL3" + bytes(40)])
def test_no_model(data):
    with pytest.raises(InputError):
        read_program(data)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(list(MODELS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_a_damaged_model_is_read_or_is_one_sentence(name, changes):
    data = bytearray(MODELS[name])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    sentence = "."
    try:
        program = read_program(bytes(data))
        generate(encode_weights(program))
        generate(program, optimise="speed")
    except InputError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf"), -1.0])
def test_scales_that_are_no_numbers_are_refused(scale):
    b, x = start((1, 4))
    y = dense(b, x, 3)
    b.graph.tensors[y].quantization.scale = [scale]
    with pytest.raises(InputError):
        read_program(b.finish([x], [y]))
