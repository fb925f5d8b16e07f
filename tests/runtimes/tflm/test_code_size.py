import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm.code_size import code_size, known_operators, runtime_bytes
from autotiny.runtimes.tflm.tables import code_stand
from autotiny.runtimes.tflm.versions import load_version

KERNELS = ("reference", "cmsis-nn")
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
ARDUINO = Target(kernels="cmsis-nn", flavour="plain", tflm_version="arduino-2.4.0-ALPHA")
MEASURED = [
    *(
        Target(kernels=kernels, core=core, flavour=flavour)
        for kernels in KERNELS
        for core in CORES
        for flavour in ("stripped", "plain")
    ),
    ARDUINO,
]
OPERATORS = st.sets(st.sampled_from(known_operators(Target())))


def build_name(target):
    return f"{target.tflm_version} {target.core} {target.kernels} {target.flavour}"


@pytest.mark.parametrize("target", MEASURED, ids=build_name)
def test_programs_that_the_table_was_not_made_from_are_within_its_error(target):
    stand = code_stand(target)
    assert stand.error == 0
    column = stand.table["builds"].index(stand.build)
    residuals = []
    for program in stand.table["held_out"]:
        measured = program["bytes"][column]
        predicted = code_size(program["operators"], target)
        assert predicted.origin == "predicted"
        assert predicted.size == pytest.approx(measured, rel=predicted.error)
        residuals.append(predicted.size / measured - 1)
    assert max(residuals, key=abs) == pytest.approx(stand.table["residuals"][column], abs=1e-4)
    assert max(map(abs, residuals)) < 0.02


# Bytes of TFLM linked with the same compiler by others, whose programs print their results.
OTHERS = {
    ("CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"): (37484, 68880),
    ("CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX", "TFLM_DECODE"): (
        56052,
        87448,
    ),
    ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX",
     "ADD"): (50536, 95204),
    ("FULLY_CONNECTED", "SOFTMAX"): (27340, 39820),
    ("CONV_2D", "DEPTHWISE_CONV_2D"): (27720, 59632),
    ("CONV_2D",): (23416, 43804),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM",): (27448, 31512),
    ("TFLM_DECODE",): (30628, 30628),
    ("RESHAPE",): (12668, 12668),
}  # fmt: skip


@pytest.mark.parametrize("operators", OTHERS, ids="+".join)
def test_programs_of_others_are_within_the_error(operators):
    for kernels, measured in zip(KERNELS, OTHERS[operators], strict=True):
        size = code_size(operators, Target(kernels=kernels))
        assert size.size == pytest.approx(measured, rel=size.error)


# Whole applications on a Cortex-M0+, their models of 3,152 and 3,936 bytes included.
@pytest.mark.parametrize(
    ("operators", "model", "measured"),
    [
        (["CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED"], 3152, 42308),
        (["FULLY_CONNECTED"], 3936, 32092),
    ],
)
def test_applications_on_a_core_without_floating_point(operators, model, measured):
    size = runtime_bytes(operators, Target(core="cortex-m0+")) + model
    assert size == pytest.approx(measured, rel=0.01)


def test_log_strings_take_12_to_18_kilobytes():
    plain, stripped = (Target(flavour=flavour) for flavour in ("plain", "stripped"))
    for operators in list(OTHERS)[:5]:
        added = runtime_bytes(operators, plain) - runtime_bytes(operators, stripped)
        assert 12_000 <= added <= 19_000


@given(OPERATORS, OPERATORS, st.sampled_from(MEASURED[:-1]))
def test_code_is_shared_and_more_operators_never_take_less(some, more, target):
    nothing, left, right = (runtime_bytes(ops, target) for ops in ([], some, more))
    both = runtime_bytes(some | more, target)
    assert max(left, right) <= both <= left + right - nothing
    assert runtime_bytes([*some, *some], target) == left


@pytest.mark.parametrize("target", [Target(), Target(kernels="cmsis-nn"), ARDUINO], ids=build_name)
def test_every_part_is_needed_and_every_need_is_a_part(target):
    data = code_stand(target).table
    needed = {part for parts in data["needs"].values() for part in parts}
    assert needed == set(data["parts"])
    assert set(data["needs"]) <= set(data["own"])
    columns = len(data["builds"])
    assert {len(sizes) for sizes in (*data["parts"].values(), *data["own"].values())} == {columns}


def test_all_operators_of_the_op_resolver_are_known():
    assert len(known_operators(Target())) == 117
    assert known_operators(Target(kernels="cmsis-nn")) == known_operators(Target())
    for name in ("SHAPE", "PACK", "HARD_SWISH", "PRELU", "SPACE_TO_BATCH_ND", "SignalRfft"):
        assert name in known_operators(Target())


@pytest.mark.parametrize("target", MEASURED, ids=build_name)
def test_no_operators_code_counts_as_nothing(target):
    nothing = runtime_bytes([], target)
    for name in known_operators(target):
        assert runtime_bytes([name], target) > nothing + 200


@pytest.mark.parametrize("target", [Target(), ARDUINO], ids=build_name)
def test_all_operators_whose_memory_is_known_have_a_code_size(target):
    version = load_version(target.tflm_version)
    for name in (*version.operators, *version.subgraph_operators):
        assert runtime_bytes([name], target) > 0


def test_what_was_not_measured_is_estimated_with_a_larger_error():
    measured = code_size(["ADD"], Target())
    assert "cortex-m4 without log strings (stripped)" in measured.note
    for target in (
        Target(core="xtensa-lx7"),
        Target(core="cortex-m3"),
        dataclasses.replace(ARDUINO, flavour="stripped"),
        dataclasses.replace(ARDUINO, kernels="reference"),
    ):
        estimated = code_size(["ADD"], target)
        assert (measured.origin, estimated.origin) == ("predicted", "estimated")
        assert estimated.error > measured.error
        assert f"stand for {target.kernels} kernels on {target.core}" in estimated.note


def test_operators_that_tflm_lacks_are_named():
    with pytest.raises(UnsupportedModelError, match="GELU"):
        runtime_bytes(["CONV_2D", "GELU"], Target())
