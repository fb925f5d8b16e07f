import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, small_cnn
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.runtimes.tflm.breakdown import break_down

PUBLISHED = (
    "mlperf_kws_ref_model",
    "mlperf_pretrainedResnet_quant",
    "mlperf_vww_96_int8",
    "mlperf_ad01_int8",
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parts_of_published_models_add_up_to_the_file(name):
    data = ground_truth(name)
    parts = break_down(data)
    assert parts.total == len(data)
    assert min(parts.weights, parts.biases, parts.quantization, parts.graph, parts.padding) > 0


def test_weights_and_biases_are_counted_to_the_byte():
    b = ModelBuilder()
    x = b.tensor([1, 6, 6, 2])
    y = dense(b, conv(b, x, 4), 5)
    data = b.finish([x], [y])
    parts = break_down(data)
    assert parts.weights == 4 * 9 * 2 + 5 * 6 * 6 * 4
    assert parts.biases == 4 * 4 + 5 * 4
    assert sorted(parts.tensors.values()) == sorted([72, 16, 720, 20])
    assert parts.total == len(data)


def test_a_shared_buffer_counts_once():
    def build(share):
        b = ModelBuilder()
        x = b.tensor([1, 8])
        y = dense(b, x, 8)
        z = dense(b, y, 8)
        if share:
            weights = b.graph.operators[0].inputs[1]
            b.graph.operators[1].inputs[1] = weights
        return break_down(b.finish([x], [z])), b

    apart, _ = build(share=False)
    shared, _ = build(share=True)
    assert apart.weights == 128
    assert shared.weights == 64
    assert shared.constants == 64  # the tensor that nothing reads any more


def test_names_are_what_stripping_them_saves():
    full = small_cnn()
    slim = bytearray(full)
    model = flatbuffer_utils.read_model_from_bytearray(slim)
    flatbuffer_utils.strip_strings(model)
    stripped = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    assert break_down(full).names > 0
    assert break_down(stripped).names < break_down(full).names
    assert break_down(stripped).weights == break_down(full).weights


def test_contents_behind_the_flatbuffer_are_counted():
    data = small_cnn()
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    largest = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    contents = bytes(bytearray(largest.data))
    largest.data = None
    largest.offset, largest.size = 2**20, len(contents)  # a place, so that the field is written
    size = len(flatbuffer_utils.convert_object_to_bytearray(model))
    largest.offset = size
    whole = bytes(flatbuffer_utils.convert_object_to_bytearray(model)) + contents
    assert break_down(whole).total == len(whole)
    assert break_down(whole).weights == break_down(data).weights


@given(
    layers=st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=4),
    tail=st.integers(0, 40),
)
@settings(max_examples=40, deadline=None)
def test_parts_add_up_for_any_model_and_any_trailing_bytes(layers, tail):
    b = ModelBuilder()
    y = x = b.tensor([1, 6, 6, 2])
    for filters, depthwise in layers:
        y = conv(b, y, filters, depthwise=depthwise)
    data = b.finish([x], [y]) + bytes(np.arange(tail, dtype=np.uint8))
    assert break_down(data).total == len(data)
