import pytest
from helpers_tflite import ModelBuilder, conv, dense

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.legality import RULES, allowed_precisions, check, sentence
from autotiny.tflite.reader import read_model

CMSIS_NN = Target(kernels="cmsis-nn")


def _dense(**kwargs):
    b = ModelBuilder()
    x = b.tensor([1, 8], kwargs.get("activation", "int8"))
    return b.finish([x], [dense(b, x, 4, **kwargs)])


def _decode():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    packed, weights, y = b.constant([40], "uint8"), b.tensor([4, 8]), b.tensor([1, 4])
    b.operator("CUSTOM", [packed, packed], [weights], custom="TFLM_DECODE")
    b.operator("FULLY_CONNECTED", [x, weights, -1], [y], "FullyConnectedOptions")
    return b.finish([x], [y])


def _conv16x4():
    b = ModelBuilder()
    x = b.tensor([1, 4, 4, 2], "int16")
    return b.finish([x], [conv(b, x, 4, weights="int4", activation="int16")])


REFUSED = [
    (_dense(), Target(core="avr"), "32-bit core"),
    (_decode(), Target(has_decode=False), "DECODE"),
    (_dense(weights="int4"), Target(has_int4=False), "4-bit weights"),
    (_dense(weights="int4", per_channel=True), Target(), "one scale per tensor"),
    (_conv16x4(), Target(), "8-bit activations"),
    (_dense(per_channel=True), Target(has_per_channel_fc=False), "September 2024"),
    (_dense(activation="int16", per_channel=True), CMSIS_NN, "16-bit activations"),
]


@pytest.mark.parametrize(("data", "target", "reason"), REFUSED)
def test_what_kernels_refuse_is_said(data, target, reason):
    with pytest.raises(UnsupportedModelError, match=reason) as caught:
        check(read_model(data), target)
    assert "operator 0" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (_dense(), Target(has_int4=False, has_decode=False, has_per_channel_fc=False)),
        (_dense(weights="int4"), Target()),
        (_dense(per_channel=True), CMSIS_NN),
        (_dense(activation="int16", per_channel=True), Target()),
        (_dense(activation="int16"), CMSIS_NN),
    ],
)
def test_what_kernels_take_passes(data, target):
    check(read_model(data), target)
    interpreter.recorded_arena(data, trusted=True)


@pytest.mark.parametrize("data", [REFUSED[3][0], REFUSED[4][0]])
def test_tflm_itself_refuses_the_same_everywhere(data):
    with pytest.raises(UnsupportedModelError):
        interpreter.recorded_arena(data, trusted=True)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_a_sentence(rule):
    assert sentence(rule).endswith(".")
    assert "\n" not in sentence(rule)


def test_allowed_precisions_follow_the_rules():
    everything = {(8, 16, "channel"), (8, 16, "tensor"), (8, 8, "channel"), (8, 8, "tensor")}
    packed = {(4, 8, "channel"), (4, 8, "tensor")}
    assert set(allowed_precisions("CONV_2D", Target())) == everything | packed
    assert set(allowed_precisions("CONV_2D", Target(has_int4=False))) == everything
    dense_precisions = set(allowed_precisions("FULLY_CONNECTED", CMSIS_NN))
    assert dense_precisions == everything - {(8, 16, "channel")} | {(4, 8, "tensor")}
    assert allowed_precisions("CONV_2D", Target(core="avr")) == []


def _runs(data):
    try:
        interpreter.recorded_arena(data, trusted=True)
    except UnsupportedModelError:
        return False
    return True


def test_allowed_precisions_are_what_tflm_takes_for_dense_layers():
    allowed = set(allowed_precisions("FULLY_CONNECTED", Target()))
    for weights in (8, 4):
        for activations in (8, 16):
            for granularity in ("channel", "tensor"):
                data = _dense(
                    weights=f"int{weights}",
                    activation=f"int{activations}",
                    per_channel=granularity == "channel",
                )
                assert _runs(data) == ((weights, activations, granularity) in allowed)
