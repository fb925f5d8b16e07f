import pytest
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, pool

from autotiny.runtimes import Target
from autotiny.runtimes.tflm.instructions import (
    core_caveat,
    model_work,
    operator_work,
    parameter_count,
    relative_error,
)
from autotiny.runtimes.tflm.reader import read_model

REFERENCE, CMSIS_NN = Target(), Target(kernels="cmsis-nn")
# Instructions counted on a Cortex-M4, reference and CMSIS-NN kernels; MACs from the papers' models.
MEASURED = {
    "mlperf_kws_ref_model": (43.0e6, 7.70e6),
    "mlperf_pretrainedResnet_quant": (107.4e6, 29.9e6),
    "mlperf_vww_96_int8": (100.3e6, 24.1e6),
    "mlperf_ad01_int8": (1.95e6, 0.58e6),
}


@pytest.mark.parametrize("name", MEASURED)
def test_published_models_take_about_what_was_counted(name):
    model = read_model(ground_truth(name))
    reference, cmsis_nn = (model_work(model, target) for target in (REFERENCE, CMSIS_NN))
    assert reference.instructions == pytest.approx(MEASURED[name][0], rel=0.06)
    assert cmsis_nn.instructions == pytest.approx(MEASURED[name][1], rel=relative_error(CMSIS_NN))
    assert reference.unaccounted == cmsis_nn.unaccounted == ()
    assert reference.macs == cmsis_nn.macs


def test_macs_and_parameters_of_known_layers():
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 3])
    y = conv(b, x, 4)  # 8*8*4 outputs, 27 values each
    z = conv(b, y, 4, depthwise=True)  # 8*8*4 outputs, 9 values each
    p = pool(b, z)
    model = read_model(b.finish([x], [dense(b, p, 10)]))  # 64 x 10
    macs = [operator_work(model, op, REFERENCE).macs for op in model.operators]
    assert macs == [8 * 8 * 4 * 27, 8 * 8 * 4 * 9, 0, 640]
    assert parameter_count(model) == (4 * 27 + 4) + (4 * 9 + 4) + (640 + 10)


def test_operators_without_a_fit_are_said_not_zeroed():
    b = ModelBuilder()
    x, y = b.tensor([1, 8]), b.tensor([1, 8])
    b.operator("LOGISTIC", [x], [y])
    work = model_work(read_model(b.finish([x], [y])), REFERENCE)
    assert work.unaccounted == ("Instructions of LOGISTIC: no measured fit.",)


def test_other_types_are_said_to_be_predicted_as_int8():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    work = model_work(read_model(b.finish([x], [dense(b, x, 4, weights="int4")])), REFERENCE)
    assert any("int4" in sentence for sentence in work.unaccounted)


def test_an_lstm_multiplies_input_and_state_for_four_gates_every_step():
    b = ModelBuilder()
    x, y = b.tensor([1, 7, 5]), b.tensor([1, 7, 6])
    gates = [b.constant([6, 5]) for _ in range(4)] + [b.constant([6, 6]) for _ in range(4)]
    b.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *gates, *[-1] * 15], [y],
               "UnidirectionalSequenceLSTMOptions")  # fmt: skip
    assert model_work(read_model(b.finish([x], [y])), REFERENCE).macs == 7 * 4 * 6 * (5 + 6)


def test_cores_that_were_not_measured_are_said():
    assert core_caveat(REFERENCE) is None
    assert "xtensa-lx7" in core_caveat(Target(core="xtensa-lx7"))


def test_helium_takes_fewer_instructions_with_cmsis_nn_only():
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 8])
    model = read_model(b.finish([x], [conv(b, x, 8)]))
    m4, m55 = (
        model_work(model, Target(kernels="cmsis-nn", core=core)).instructions
        for core in ("cortex-m4", "cortex-m55")
    )
    assert 1 / 5 <= m55 / m4 <= 1 / 3
    assert model_work(model, Target(core="cortex-m55")) == model_work(model, REFERENCE)
