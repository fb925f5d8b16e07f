import dataclasses
import json

import pytest
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, small_cnn

from autotiny.runtimes import Target, get_runtime
from autotiny.runtimes.tflm.analysis import analyze

CMSIS_NN = Target(kernels="cmsis-nn")


def test_figures_agree_with_the_footprint():
    data = small_cnn()
    for target in (Target(), CMSIS_NN):
        analysis = analyze(data, target, app_flash_bytes=10, app_ram_bytes=20)
        footprint = get_runtime().footprint(data, target, app_flash_bytes=10, app_ram_bytes=20)
        assert analysis.footprint == footprint
        assert analysis.arena_used_bytes == footprint.arena_used_bytes
        assert analysis.arena_min_bytes == footprint.arena_bytes
        assert analysis.breakdown.total == analysis.model_bytes == len(data)
        assert analysis.refusal is None
        assert analysis.unaccounted == ()


def test_layers_tell_what_they_take():
    analysis = analyze(small_cnn(weights="int4"), Target())
    names = [layer.operator for layer in analysis.layers]
    assert names == ["CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED", "SOFTMAX"]
    first, pool, last, _ = analysis.layers
    assert (first.input_shapes, first.output_shape) == (((1, 8, 8, 1),), (1, 8, 8, 8))
    assert (first.weight_bits, first.activation_bits, first.encoding) == (4, 8, "int4")
    assert first.weight_bytes == 8 * 9 // 2 + 8 * 4
    assert (pool.weight_bits, pool.encoding, pool.weight_bytes) == (None, None, 0)
    assert last.encoding == "int8"
    assert sum(layer.macs for layer in analysis.layers) == analysis.macs
    assert sum(layer.share for layer in analysis.layers) == pytest.approx(1)
    assert all(layer.arena_bytes <= analysis.arena_used_bytes for layer in analysis.layers)


def test_the_busiest_layer_fills_the_arena_of_a_chain():
    analysis = analyze(ground_truth("mlperf_ad01_int8"), Target())
    assert max(layer.arena_bytes for layer in analysis.layers) == analysis.arena_used_bytes


def _encoded(ancillary, scales=1):
    b = ModelBuilder()
    x = b.tensor([1, 8])
    codes = b.constant([12], "uint8")
    tables = b.tensor([len(ancillary)], "uint8", bytes(ancillary))
    weights = b.tensor([4, 8], scales=[0.05] * scales, zero_points=[0] * scales)
    y = b.tensor([1, 4])
    b.operator("CUSTOM", [codes, tables], [weights], custom="TFLM_DECODE")
    b.operator("FULLY_CONNECTED", [x, weights, -1], [y], "FullyConnectedOptions")
    return b.finish([x], [y])


def test_encodings_are_read_from_the_decoders_header():
    table = [0, 1, 0, 0, 1, 0xF0 | 3, 8, *[0] * 9, *range(8)]
    analysis = analyze(_encoded(table), Target())
    assert analysis.layers[1].encoding == "lut3"
    assert analysis.layers[1].weight_bytes == 12 + 24
    per_channel = [0, 1, 0, 0, 1, 3, 8, *[0] * 9, *range(32)]
    assert analyze(_encoded(per_channel, 4), Target()).layers[1].encoding == "lut3/channel"
    for values in (1, 8):
        shared = [0, 1, 0, 0, 1, 0xF0 | 3, 0, *[0] * 9, *range(values)]
        assert analyze(_encoded(shared, 4), Target()).layers[1].encoding == "lut3/shared"
        assert analyze(_encoded(shared), Target()).layers[1].encoding == "lut3"
    pruned = [2, 1, 0, 0, 1, *[0] * 11, *range(20)]
    assert analyze(_encoded(pruned), Target()).layers[1].encoding == "pruned"


def test_huffman_codes_are_said_to_decode_slower():
    said = {}
    for kind in (0, 1, 2):
        ancillary = [kind, 1, 0, 0, 1, 3, 8, *[0] * 9, *range(32)]
        analysis = analyze(_encoded(ancillary), Target())
        said[kind] = " ".join(analysis.unaccounted)
        assert (analysis.instructions_error is None) == (kind == 1)
    assert "Huffman" in said[1]
    assert said[0] == said[2] == ""


def test_dynamic_dimensions_are_said_unless_they_are_the_batch():
    for signature, said in (
        ([-1, 8, 8, 2], ()), ([], ()),
        ([1, -1, -1, 2], ("Input im?age: its shape 1x?x?x2 is dynamic, and all figures are for "
                          "1x8x8x2, which the file states.",)),
    ):  # fmt: skip
        b = ModelBuilder()
        x = b.tensor([1, 8, 8, 2], name="im\nage")
        b.graph.tensors[x].shapeSignature = signature
        assert analyze(b.finish([x], [conv(b, x, 2)]), Target()).unaccounted == said


def test_shares_and_error_are_only_of_what_is_fully_known():
    b = ModelBuilder()
    x = b.tensor([1, 4, 4, 2])
    y, z = conv(b, x, 2), b.tensor([1, 4, 4, 2])
    b.operator("TANH", [y], [z])
    analysis = analyze(b.finish([x], [z]), Target())
    assert [layer.share for layer in analysis.layers] == [None, None]
    assert analysis.layers[0].instructions == analysis.instructions > 0
    assert analysis.instructions_error is None


@pytest.mark.parametrize("activation", ["int16", "int8"])
def test_error_is_claimed_for_int8_on_measured_cores_only(activation):
    b = ModelBuilder()
    x = b.tensor([1, 4, 4, 2], activation)
    data = b.finish([x], [conv(b, x, 2, activation=activation)])
    error = analyze(data, Target()).instructions_error
    assert error == (0.05 if activation == "int8" else None)
    assert analyze(data, Target(core="xtensa-lx7")).instructions_error is None


def test_a_decoded_tensor_lives_while_its_consumer_runs():
    table = [0, 1, 0, 0, 1, 0xF0 | 3, 8, *[0] * 9, *range(8)]
    analysis = analyze(_encoded(table), Target())
    decoded = next(buffer for buffer in analysis.buffers if buffer.tensor == 3)
    assert (decoded.first, decoded.last, decoded.size) == (1, 2, 32)
    kinds = {buffer.tensor: buffer.kind for buffer in analysis.buffers}
    assert kinds == {0: "input or output", 3: "decoded weights", 4: "input or output"}


def test_buffers_say_what_they_hold():
    b = ModelBuilder()
    x = b.tensor([1, 4, 4, 2])
    y = conv(b, conv(b, x, 3), 2)
    kinds = [buffer.kind for buffer in analyze(b.finish([x], [y]), CMSIS_NN).buffers]
    assert kinds.count("input or output") == kinds.count("scratch") == 2
    assert kinds.count("activation") == 1


def test_a_float_model_is_analysed_and_says_what_is_missing():
    b = ModelBuilder()
    x = b.tensor([1, 4], "float32")
    w, c, y = b.constant([3, 4], "float32"), b.constant([3], "float32"), b.tensor([1, 3], "float32")
    z = b.tensor([1, 3], "float32")
    b.operator("FULLY_CONNECTED", [x, w, c], [y], "FullyConnectedOptions")
    b.operator("EXP", [y], [z], "ExpOptions")
    analysis = analyze(b.finish([x], [z]), Target())
    assert analysis.footprint is None
    assert analysis.runtime_bytes is None
    assert analysis.arena_min_bytes == 720
    assert analysis.refusal is None
    assert (analysis.macs, analysis.params, analysis.breakdown.weights) == (12, 15, 48)
    said = " ".join(analysis.unaccounted)
    assert "code size of operator EXP" in said
    assert "float32" in said
    assert analysis.layers[1].instructions is None


def test_what_tflm_refuses_is_said_and_the_rest_is_still_given():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    y = dense(b, x, 4, weights="int4", per_channel=True)
    analysis = analyze(b.finish([x], [y]), Target())
    assert "one scale per tensor" in analysis.refusal
    assert analysis.footprint is None
    assert analysis.macs == 32


def test_what_only_the_target_refuses_is_said():
    b = ModelBuilder()
    x = b.tensor([1, 8], "int16")
    data = b.finish([x], [dense(b, x, 4, activation="int16", per_channel=True)])
    assert analyze(data, Target()).refusal is None
    assert "CMSIS-NN" in analyze(data, CMSIS_NN).refusal


def test_an_analysis_is_plain_data():
    b = ModelBuilder()
    x = b.tensor([1, 4, 4, 2])
    analysis = analyze(b.finish([x], [conv(b, x, 2)]), Target())
    fields = json.loads(json.dumps(dataclasses.asdict(analysis)))
    assert fields["layers"][0]["output_shape"] == [1, 4, 4, 2]
    assert fields["arena_min_bytes"] == analysis.arena_min_bytes
