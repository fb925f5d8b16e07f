import pytest
from helpers_tflite import (
    ModelBuilder,
    conv,
    dense,
    ground_truth,
    pool,
    small_cnn,
    softmax,
)

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.arena import Allocations, predict_arena
from autotiny.runtimes.tflm.scratch import scratch_requests
from autotiny.runtimes.tflm.versions import NEWEST, load_version
from autotiny.tflite.reader import read_model

REFERENCE = Target()
M4 = Target(kernels="cmsis-nn", core="cortex-m4")
M55 = Target(kernels="cmsis-nn", core="cortex-m55")

# Measured on Cortex-M4 and M55: head, tail, used and smallest arena (reference), used (CMSIS-NN
# on M4 and M55; None where it was not measured).
MEASURED = {
    "mlperf_kws_ref_model": (16000, 6772, 22772, 22784, 22820, 27300),
    "mlperf_pretrainedResnet_quant": (49152, 5188, 54340, 54352, 54996, None),
    "mlperf_vww_96_int8": (73728, 26932, 100660, 100672, 100708, 100756),
    "mlperf_ad01_int8": (768, 1492, 2260, 2704, 2580, 5172),
}


@pytest.mark.parametrize("name", MEASURED)
def test_published_models_take_what_was_measured(name):
    data = ground_truth(name)
    model = read_model(data)
    head, _ = interpreter.recorded_arena(data, trusted=True)
    arena = predict_arena(model, REFERENCE, recorded_head=head)
    used_m4, used_m55 = (predict_arena(model, target).used for target in (M4, M55))
    expected = MEASURED[name]
    assert (arena.head, arena.tail, arena.used, arena.smallest, used_m4) == expected[:5]
    assert expected[5] in (None, used_m55)


@pytest.mark.parametrize(
    "target", [REFERENCE, M4, M55, Target(kernels="cmsis-nn", core="cortex-m0plus")]
)
def test_the_smallest_arena_holds_head_and_tail_and_is_aligned(target):
    arena = predict_arena(read_model(small_cnn()), target)
    assert arena.smallest >= arena.used
    assert arena.smallest % 16 == 0
    assert arena.used == arena.head + arena.tail


def test_allocations_go_down_from_an_aligned_end():
    tail = Allocations()
    tail.take(5, 1)
    assert tail.size == 5
    tail.take(4, 4)
    assert tail.size == 12
    tail.take(1, 16)
    assert tail.size == 16


def _scratch(data, target):
    return [request.size_bytes for request in scratch_requests(read_model(data), target)]


def _one(layer, shape, **kwargs):
    b = ModelBuilder()
    x = b.tensor(shape, kwargs.get("activation", "int8"))
    y = layer(b, x, **kwargs)
    return b.finish([x], [y])


@pytest.mark.parametrize(
    ("kwargs", "reference", "m4", "m0", "m55"),
    [
        # 3 x 3 x 5 = 45 values in a patch: two rows of 48 as 16 bits, four of 48 on Helium.
        ({"filters": 4}, [], [192], [192], [192]),
        ({"filters": 4, "kernel": (1, 1)}, [], [], [], []),
        # A strided 1x1 kernel needs no rows either.
        ({"filters": 4, "kernel": (1, 1), "stride": 2}, [], [], [], []),
        # 4-bit weights: the reference kernel unpacks 4 x 45 of them; CMSIS-NN unrolls the patch.
        ({"filters": 4, "weights": "int4"}, [180], [180], [180], [192]),
        # 16-bit activations: two rows of 45, or four of 48 on Helium, 16 bits each.
        ({"filters": 4, "activation": "int16"}, [], [180], [180], [384]),
        # Depthwise: 3x3 kernels with little padding need none, others one row of 16 bits.
        ({"filters": 5, "depthwise": True}, [], [], [], [4464]),
        ({"filters": 5, "depthwise": True, "kernel": (5, 5)}, [], [250], [], [12400]),
        ({"filters": 5, "depthwise": True, "dilation": 2, "same": False}, [], [], [], []),
    ],
)
def test_convolution_scratch(kwargs, reference, m4, m0, m55):
    data = _one(conv, [1, 8, 8, 5], **kwargs)
    assert _scratch(data, REFERENCE) == reference
    assert _scratch(data, M4) == m4
    assert _scratch(data, Target(kernels="cmsis-nn", core="cortex-m0plus")) == m0
    assert _scratch(data, M55) == m55


def test_pooling_and_dense_scratch():
    average = _one(pool, [1, 4, 4, 6], kind="AVERAGE")
    assert [_scratch(average, t) for t in (REFERENCE, M4, M55)] == [[], [24], []]
    maximum = _one(pool, [1, 4, 4, 6], kind="MAX")
    assert [_scratch(maximum, t) for t in (REFERENCE, M4, M55)] == [[], [], []]
    fully_connected = _one(dense, [1, 12], units=7)
    assert [_scratch(fully_connected, t) for t in (REFERENCE, M4, M55)] == [[], [], [28]]
    packed = _one(dense, [1, 12], units=7, weights="int4")
    assert [_scratch(packed, t) for t in (REFERENCE, M4, M55)] == [[84], [], []]


def test_dense_layer_with_a_scalar_output_has_scratch_for_its_units():
    b = ModelBuilder()
    x, w, y = b.tensor([1, 12]), b.constant([1, 12]), b.tensor([])
    b.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")
    data = b.finish([x], [y])
    assert [_scratch(data, t) for t in (REFERENCE, M4, M55)] == [[], [], [4]]


def test_per_channel_dense_layers_keep_two_arrays():
    whole, channels = (
        predict_arena(read_model(_one(dense, [1, 8], units=110, per_channel=flag)), REFERENCE)
        for flag in (False, True)
    )
    assert channels.tail - whole.tail == 880 + 16  # 2 x 440 B, each rounded up to 16


def test_only_the_reference_kernels_keep_channel_arrays_for_floats():
    tails = {}
    for channels in (4, 40):
        b = ModelBuilder()
        x, y = b.tensor([1, 4, 4, 2], "float32"), b.tensor([1, 4, 4, channels], "float32")
        w = b.constant([channels, 1, 1, 2], "float32")
        b.operator("CONV_2D", [x, w, -1], [y], "Conv2DOptions", strideH=1, strideW=1)
        model = read_model(b.finish([x], [y]))
        tails[channels] = [predict_arena(model, target).tail for target in (REFERENCE, M4)]
    assert tails[40][0] - tails[4][0] == 2 * (160 - 16)
    assert tails[40][1] == tails[4][1]


def test_sixteen_bit_softmax_keeps_two_tables():
    tails = []
    for kind in ("int8", "int16"):
        b = ModelBuilder()
        x = b.tensor([1, 10], kind)
        tails.append(
            predict_arena(read_model(b.finish([x], [softmax(b, x, kind)])), REFERENCE).tail
        )
    assert tails[1] - tails[0] == 2 * 1040


def test_a_mean_needs_sums_index_and_axes():
    import numpy as np

    for kind, expected in (("int8", [32, 16, 8]), ("float32", [16, 8])):
        b = ModelBuilder()
        x, y = b.tensor([1, 4, 4, 8], kind), b.tensor([1, 8], kind)
        axes = b.tensor([2], "int32", np.array([1, 2], "i4"), scales=())
        b.operator("MEAN", [x, axes], [y], "ReducerOptions")
        data = b.finish([x], [y])
        assert _scratch(data, REFERENCE) == expected
        head, _ = interpreter.recorded_arena(data, trusted=True)
        assert predict_arena(read_model(data), REFERENCE).head == head


def test_a_decoder_keeps_its_state_for_each_output():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    encoded, ancillary = b.constant([40], "uint8"), b.constant([32], "uint8")
    weights, y = b.tensor([4, 8]), b.tensor([1, 4])
    b.operator("CUSTOM", [encoded, ancillary], [weights], custom="TFLM_DECODE")
    b.operator("FULLY_CONNECTED", [x, weights, -1], [y], "FullyConnectedOptions")
    arena = predict_arena(read_model(b.finish([x], [y])), REFERENCE)
    decoded = next(buffer for buffer in arena.buffers if buffer.tensor == weights)
    assert (decoded.first, decoded.last, decoded.size) == (1, 2, 32)


def _pruned_channels(zero_point):
    b = ModelBuilder()
    x, header = b.tensor([1, 4, 4, 8]), bytes([2, 1, 0, 0, 1, *[0] * 43])
    mask, ancillary = b.constant([32], "uint8"), b.tensor([48], "uint8", header)
    weights = b.tensor([40, 1, 1, 8], scales=[0.1] * 40, zero_points=[zero_point] * 40)
    y = b.tensor([1, 4, 4, 40])
    b.operator("CUSTOM", [mask, ancillary], [weights], custom="TFLM_DECODE")
    b.operator("CONV_2D", [x, weights, -1], [y], "Conv2DOptions", strideH=1, strideW=1)
    return b.finish([x], [y])


def test_pruned_channels_copy_zero_points_that_are_not_zero():
    zero, other = (
        predict_arena(read_model(_pruned_channels(value)), REFERENCE).tail for value in (0, 3)
    )
    assert other - zero == 48
    recorded = [
        interpreter.recorded_arena(_pruned_channels(value), trusted=True)[1] for value in (0, 3)
    ]
    assert recorded[1] - recorded[0] == 48


def test_a_head_that_planning_missed_still_counts():
    model = read_model(small_cnn())
    for target in (REFERENCE, M4):
        planned = predict_arena(model, target)
        higher = predict_arena(model, target, recorded_head=planned.head + 64)
        assert higher.head > planned.head


def test_unknown_operators_are_named():
    b = ModelBuilder()
    x, y = b.tensor([1, 8], "float32"), b.tensor([1, 8], "float32")
    b.operator("RFFT2D", [x], [y], "Rfft2dOptions")
    assert "RFFT2D" not in load_version(NEWEST).operators
    with pytest.raises(UnsupportedModelError, match="RFFT2D"):
        predict_arena(read_model(b.finish([x], [y])), REFERENCE)


def test_cmsis_nn_needs_an_arm_core():
    with pytest.raises(InputError, match="xtensa"):
        predict_arena(read_model(small_cnn()), Target(kernels="cmsis-nn", core="xtensa-lx7"))
