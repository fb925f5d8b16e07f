import random
import struct

import numpy as np
import pytest
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, small_cnn
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.errors import InputError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.analysis import analyze
from autotiny.runtimes.tflm.breakdown import break_down
from autotiny.tflite.reader import read_model


def test_a_model_is_read_as_it_was_written():
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 2], scales=(0.5,), zero_points=(-3,), name="image")
    y = conv(b, x, 4, stride=2)
    model = read_model(b.finish([x], [y]))
    image = model.tensors[x]
    assert (image.name, image.shape, image.type) == ("image", (1, 8, 8, 2), "int8")
    assert (image.scales, image.zero_points, image.data) == ((0.5,), (-3,), None)
    operator = model.operators[0]
    assert (operator.name, operator.options_type) == ("CONV_2D", "Conv2DOptions")
    assert (operator.options["stride_h"], operator.options["stride_w"]) == (2, 2)
    weights = model.input(operator, 1)
    assert weights.elements == weights.nbytes == len(weights.data) == 4 * 3 * 3 * 2
    assert len(weights.scales) == 4
    assert (model.version, model.inputs, model.outputs, model.subgraphs) == (3, (x,), (y,), 1)


def test_custom_operators_have_their_own_names():
    b = ModelBuilder()
    x, y = b.constant([32], "uint8"), b.tensor([8])
    b.operator("CUSTOM", [x, x], [y], custom="TFLM_DECODE")
    assert read_model(b.finish([], [y])).operator_names == ("TFLM_DECODE",)


def test_names_of_operators_stay_on_one_line():
    b = ModelBuilder()
    x, y = b.tensor([8]), b.tensor([8])
    b.operator("CUSTOM", [x], [y], custom="two\nlines" + "x" * 500)
    (name,) = read_model(b.finish([x], [y])).operator_names
    assert name.startswith("two?lines")
    assert len(name) == 100


def test_packed_weights_take_half_a_byte_each():
    b = ModelBuilder()
    x = b.tensor([1, 3])
    model = read_model(b.finish([x], [dense(b, x, 5, weights="int4")]))
    assert model.input(model.operators[0], 1).nbytes == 8


def test_published_models_are_read():
    model = read_model(ground_truth("mlperf_ad01_int8"))
    assert (len(model.tensors), len(model.operators)) == (31, 10)


def test_options_of_an_unknown_type_are_refused_even_without_a_table():
    b = ModelBuilder()
    x = b.tensor([1, 3])
    y = dense(b, x, 5)
    b.graph.operators[0].builtinOptions = None
    for kind, sound in ((126, True), (127, False), (255, False)):
        b.graph.operators[0].builtinOptionsType = kind
        data = b.finish([x], [y])
        if sound:
            assert read_model(data).operators[0].options == {}
            continue
        with pytest.raises(InputError, match=rf"operator 0 has options of type {kind}, .*\.$"):
            analyze(data, Target())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"TFL3",
        b"\x00" * 64,
        b"\x1c\x00\x00\x00TFL4" + bytes(100),
        b"\xff\xff\xff\xffTFL3" + bytes(100),
        b"\x00\x00\x00\x00TFL3" + bytes(100),
        b"\x89PNG\r\n\x1a\n" * 10,
    ],
    ids=["empty", "short", "zeros", "magic", "far", "self", "picture"],
)
def test_other_files_are_refused_with_a_sentence(data):
    with pytest.raises(InputError, match=r"^The model .*\.$"):
        read_model(data)


def test_every_truncation_is_refused():
    data = small_cnn()
    for length in range(0, len(data), 37):
        with pytest.raises(InputError):
            read_model(data[:length])


def _patched(build, **changes):
    """Return a model whose object form was changed before it was written."""
    b = ModelBuilder()
    x = b.tensor([1, 8])
    y = dense(b, x, 4)
    build(b)
    return b.finish(changes.get("inputs", [x]), changes.get("outputs", [y]))


@pytest.mark.parametrize(
    ("build", "changes", "reason"),
    [
        (lambda b: setattr(b.graph.tensors[0], "shape", [-1, 8]), {}, "shape"),
        (lambda b: setattr(b.graph.tensors[0], "shape", [2**30, 2**30]), {}, "shape"),
        (lambda b: setattr(b.graph.tensors[0], "shape", [1] * 9), {}, "shape"),
        (lambda b: setattr(b.graph.tensors[0], "buffer", 99), {}, "buffer 99"),
        (lambda b: setattr(b.graph.tensors[0], "type", 77), {}, "type 77"),
        (lambda b: setattr(b.graph.operators[0], "inputs", [-2, 1, 2]), {}, "tensor -2"),
        (lambda b: setattr(b.graph.operators[0], "inputs", [500, 1, 2]), {}, "tensor 500"),
        (lambda b: setattr(b.graph.operators[0], "outputs", [1]), {}, "writes the constant"),
        (lambda b: setattr(b.graph.operators[0], "opcodeIndex", 3), {}, "code 3"),
        (lambda b: setattr(b.graph.tensors[1], "shape", [400, 8]), {}, "its buffer has"),
        (lambda b: setattr(b.graph.tensors[1].quantization, "scale", [1.0] * 3), {}, "3 scales"),
        (lambda b: setattr(b.model, "version", 2), {}, "version is 2"),
        (lambda b: setattr(b.model, "subgraphs", []), {}, "no subgraph"),
        (lambda b: None, {"inputs": [77]}, "graph input"),
        (lambda b: None, {"outputs": [-1]}, "graph output"),
    ],
)
def test_contradictions_are_refused_with_their_reason(build, changes, reason):
    with pytest.raises(InputError, match=reason):
        read_model(_patched(build, **changes))


def test_overlapping_vectors_cannot_make_the_reader_work_without_end():
    # A vector of operator codes that all point at one vector-laden place, thousands of times over.
    data = bytearray(small_cnn())
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    subgraphs = root + struct.unpack_from("<H", data, vtable + 4 + 2 * 2)[0]
    vector = subgraphs + struct.unpack_from("<I", data, subgraphs)[0]
    struct.pack_into("<I", data, vector, 2**31)
    with pytest.raises(InputError, match="outside the file"):
        read_model(bytes(data))


@given(data=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_refused(data):
    for prefix in (b"", b"\x10\x00\x00\x00TFL3"):
        with pytest.raises(InputError):
            read_model(prefix + data)


def _mutations(data, count, seed):
    """Yield damaged copies: flipped bytes, extreme words, moved and removed pieces."""
    rng = random.Random(seed)
    words = (0, 1, 2, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x10000, len(data))
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
            position = rng.randrange(len(damaged) - 8)
            kind = rng.randrange(5)
            if kind == 0:
                damaged[position] ^= 1 << rng.randrange(8)
            elif kind == 1:
                struct.pack_into("<I", damaged, position & ~3, rng.choice(words))
            elif kind == 2:
                damaged[position] = rng.randrange(256)
            elif kind == 3:
                source = rng.randrange(len(damaged) - 8)
                damaged[position : position + 4] = damaged[source : source + 4]
            else:
                del damaged[position : position + rng.randrange(1, 8)]
        yield bytes(damaged)


def _sentence(holds):
    """Return the sentence that a call was refused with, or None if it held."""
    try:
        assert holds()
    except InputError as error:
        sentence = str(error)
    else:
        return None
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_ten_thousand_mutations_are_read_or_refused_with_a_sentence():
    data = small_cnn()
    sound = []
    for damaged in _mutations(data, 10_000, seed=0):
        sentence = _sentence(lambda data=damaged: break_down(data).total == len(data))
        if sentence is None:
            sound.append(damaged)
    assert 100 < len(sound) < 9_000  # weights may be anything, offsets may not
    rng = np.random.default_rng(0)
    for index in rng.choice(len(sound), 150, replace=False):
        analysis = analyze(sound[index], Target())
        assert analysis.refusal is None or analysis.refusal.endswith(".")


def test_damaged_models_that_look_sound_cannot_crash_this_process():
    samples = np.zeros((1, 8, 8, 1), np.int8)
    for damaged in _mutations(small_cnn(), 300, seed=1):
        _sentence(lambda data=damaged: interpreter.outputs(data, samples).shape[0] == 1)


def _with_bias_dimension(dimension):
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 3])
    y = conv(b, x, 8)
    b.graph.tensors[2].quantization.quantizedDimension = dimension
    return b.finish([x], [y])


def test_scales_of_biases_may_run_along_a_dimension_of_the_weights():
    """As converters of 2021 wrote them, and as TFLM's own person detection has them."""
    odd, plain = _with_bias_dimension(3), _with_bias_dimension(0)
    assert len(read_model(odd).tensors[2].scales) == 8
    first, second = (analyze(data, Target()) for data in (odd, plain))
    assert first.refusal is None
    assert (first.arena_used_bytes, first.macs) == (second.arena_used_bytes, second.macs)
    samples = np.random.default_rng(0).integers(-128, 128, (2, 8, 8, 3)).astype(np.int8)
    assert (interpreter.outputs(odd, samples) == interpreter.outputs(plain, samples)).all()


def test_encoded_weights_may_keep_the_scales_of_the_decoded_ones():
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 1])
    header = bytes([2, 1, 0, 0, 1, *[0] * 15, *[1] * 105])
    assert len(header) == 125
    mask = b.tensor([32], "uint8", bytes(32), scales=[0.1] * 10, zero_points=[0] * 10)
    ancillary = b.tensor([125], "uint8", header, scales=[0.1] * 10, zero_points=[0] * 10)
    weights = b.tensor([10, 5, 5, 1], scales=[0.1] * 10, zero_points=[0] * 10)
    y = b.tensor([1, 8, 8, 10])
    b.operator("CUSTOM", [mask, ancillary], [weights], custom="TFLM_DECODE")
    b.operator("CONV_2D", [x, weights, -1], [y], "Conv2DOptions", strideH=1, strideW=1)
    data = b.finish([x], [y])
    assert len(read_model(data).tensors[2].scales) == 10
    assert analyze(data, Target()).refusal is None


def test_scales_of_weights_must_run_along_their_own_dimension():
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 3])
    y = conv(b, x, 8)
    b.graph.tensors[1].quantization.quantizedDimension = 2**30
    with pytest.raises(
        InputError, match=r"weights of operator 0 \(CONV_2D\).*dimension 1073741824"
    ):
        read_model(b.finish([x], [y]))
