import numpy as np
import pytest
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, pool, small_cnn, softmax
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.planner import head_bytes, plan
from autotiny.runtimes.tflm.scratch import scratch_requests
from autotiny.tflite.reader import read_model

PUBLISHED = (
    "mlperf_kws_ref_model",
    "mlperf_pretrainedResnet_quant",
    "mlperf_vww_96_int8",
    "mlperf_ad01_int8",
)


def _planned(data):
    model = read_model(data)
    return plan(model, scratch_requests(model, Target()))


def _check_against_tflm(data):
    buffers = _planned(data)
    assert head_bytes(buffers) == interpreter.recorded_arena(data, trusted=True)[0]
    for i, a in enumerate(buffers):
        for b in buffers[:i]:
            together = a.first <= b.last and b.first <= a.last
            assert not together or a.offset + a.size <= b.offset or b.offset + b.size <= a.offset


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_plan_is_as_high_as_tflms_on_published_models(name):
    _check_against_tflm(ground_truth(name))


def _single(draw):
    b = ModelBuilder()
    side = draw(st.integers(4, 12))
    x = b.tensor([1, side, side, draw(st.integers(1, 9))])
    weights = draw(st.sampled_from(["int8", "int4"]))
    return b, x, weights


@st.composite
def chains(draw):
    """Convolutions, pooling, dense and softmax of random sizes, sometimes with a residual sum."""
    b, x, weights = _single(draw)
    y = x
    for _ in range(draw(st.integers(1, 4))):
        before = y
        kernel = draw(st.sampled_from([(1, 1), (3, 3), (2, 5)]))
        channels = b.graph.tensors[y].shape[3]
        if draw(st.booleans()):
            y = conv(b, y, channels, kernel, depthwise=True)
        else:
            y = conv(b, y, draw(st.integers(1, 12)), kernel, weights=weights)
        if b.graph.tensors[y].shape == b.graph.tensors[before].shape and draw(st.booleans()):
            total = b.tensor(b.graph.tensors[y].shape)
            b.operator("ADD", [before, y], [total], "AddOptions")
            y = total
    if draw(st.booleans()):
        y = pool(b, y, draw(st.sampled_from(["MAX", "AVERAGE"])))
    y = dense(b, y, draw(st.integers(1, 20)), weights=weights)
    return b.finish([x], [softmax(b, y)])


@given(data=chains())
@settings(max_examples=60, deadline=None)
def test_the_plan_is_as_high_as_tflms_on_any_chain(data):
    _check_against_tflm(data)


def test_an_output_that_is_read_again_lives_to_the_end():
    b = ModelBuilder()
    x = b.tensor([1, 16])
    y = dense(b, x, 16)
    z = dense(b, y, 16)
    buffers = {buffer.tensor: buffer for buffer in _planned(b.finish([x], [y, z]))}
    assert (buffers[x].first, buffers[x].last) == (0, 1)
    assert (buffers[y].first, buffers[y].last) == (1, 2)
    assert (buffers[z].first, buffers[z].last) == (2, 2)


def test_states_are_not_planned():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    features, time = b.constant([4, 8]), b.constant([4, 2], "int16")
    bias = b.constant([4], "int32", scales=[0.0025])
    state, y = b.tensor([1, 8], "int16", variable=True), b.tensor([1, 4])
    b.operator("SVDF", [x, features, time, bias, state], [y], "SVDFOptions", rank=1)
    data = b.finish([x], [y])
    assert state not in {buffer.tensor for buffer in _planned(data)}
    _check_against_tflm(data)


def test_models_with_a_plan_of_their_own_are_refused():
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(small_cnn()))
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = "OfflineMemoryAllocation", len(model.buffers)
    buffer.data = np.zeros(16, np.uint8)
    model.metadata = [entry]
    model.buffers.append(buffer)
    with pytest.raises(UnsupportedModelError, match="OfflineMemoryAllocation"):
        _planned(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
