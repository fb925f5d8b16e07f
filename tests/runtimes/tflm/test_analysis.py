import dataclasses
import json

import pytest
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, if_model, small_cnn

from autotiny.runtimes import Target, get_runtime
from autotiny.runtimes.tflm.analysis import analyze
from autotiny.runtimes.tflm.code_size import runtime_bytes

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


def test_each_decoder_has_instructions_of_its_own():
    found = {}
    for kind in (0, 1, 2):
        ancillary = [kind, 1, 0, 0, 1, 3, 8, *[0] * 9, *range(32)]
        analysis = analyze(_encoded(ancillary), Target())
        found[kind] = analysis.layers[0].instructions
        assert analysis.instructions_error is not None
        assert analysis.unaccounted == ()
    assert len(set(found.values())) == 3


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
    analysis = analyze(if_model(), Target())
    assert analysis.refusal is None
    assert [layer.share for layer in analysis.layers] == [None]
    assert analysis.layers[0].instructions is None
    assert analysis.instructions_error is None
    assert any("depend on the data" in sentence for sentence in analysis.unaccounted)
    registered = runtime_bytes(["IF", "RELU", "RELU6"], Target())
    assert analysis.runtime_bytes == registered > runtime_bytes(["IF"], Target())


@pytest.mark.parametrize("activation", ["int16", "int8", "float32"])
def test_error_and_origin_are_those_of_what_was_measured(activation):
    b = ModelBuilder()
    x = b.tensor([1, 4, 4, 2], activation)
    weights = activation if activation == "float32" else "int8"
    data = b.finish([x], [conv(b, x, 2, weights=weights, activation=activation)])
    ours, theirs = (analyze(data, Target(core=core)) for core in ("cortex-m4", "xtensa-lx7"))
    assert ours.instructions_error == ours.errors["latency_s"] < 0.1
    assert ours.origins["runtime_bytes"] == ours.origins["instructions"] == "predicted"
    assert theirs.instructions_error == pytest.approx(ours.instructions_error + 0.5, abs=0.01)
    assert theirs.origins["runtime_bytes"] == theirs.origins["instructions"] == "estimated"
    assert theirs.errors["runtime_bytes"] > ours.errors["runtime_bytes"]
    assert any("xtensa-lx7" in sentence for sentence in theirs.unaccounted)
    assert "cortex-m4" in ours.runtime_note


def test_a_footprint_says_what_the_analysis_says():
    for target in (Target(clock_hz=10**8), Target(clock_hz=10**8, core="riscv32")):
        analysis = analyze(small_cnn(), target)
        footprint = get_runtime().footprint(small_cnn(), target)
        assert footprint.origins == analysis.origins
        assert footprint.errors == analysis.errors
        assert footprint.caveats == analysis.unaccounted
        error = footprint.errors["runtime_bytes"] * footprint.runtime_bytes
        assert footprint.margin("flash_bytes") == pytest.approx(error)


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


def test_a_float_model_is_analysed():
    b = ModelBuilder()
    x = b.tensor([1, 4], "float32")
    w, c, y = b.constant([3, 4], "float32"), b.constant([3], "float32"), b.tensor([1, 3], "float32")
    z = b.tensor([1, 3], "float32")
    b.operator("FULLY_CONNECTED", [x, w, c], [y], "FullyConnectedOptions")
    b.operator("EXP", [y], [z], "ExpOptions")
    analysis = analyze(b.finish([x], [z]), Target())
    assert analysis.runtime_bytes == runtime_bytes(["FULLY_CONNECTED", "EXP"], Target())
    assert analysis.footprint is not None
    assert analysis.refusal is None
    assert (analysis.macs, analysis.params, analysis.breakdown.weights) == (12, 15, 48)
    assert analysis.unaccounted == ()
    assert analysis.layers[1].instructions > 0


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
