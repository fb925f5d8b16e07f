import pytest

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm.code_size import runtime_bytes, table

TARGETS = {"reference": Target(), "cmsis-nn": Target(kernels="cmsis-nn")}


@pytest.mark.parametrize(
    "measured", table()["sets"], ids=lambda entry: "+".join(entry["operators"])
)
def test_measured_sets_are_reproduced_to_the_byte(measured):
    operators, core = measured["operators"], table()["core"]
    for name, target in TARGETS.items():
        assert runtime_bytes(operators, target) == core + measured[name]
    if "int8" in measured:
        size = runtime_bytes(operators, TARGETS["cmsis-nn"], int8_only=True)
        assert size == core + measured["int8"]


@pytest.mark.parametrize("kernels", TARGETS)
def test_every_operator_alone_is_what_was_measured(kernels):
    core = table()["core"]
    assert runtime_bytes([], TARGETS[kernels]) == core
    for operator, size in table()["kernel_sets"][kernels]["alone"].items():
        assert runtime_bytes([operator, operator], TARGETS[kernels]) == core + size


@pytest.mark.parametrize("kernels", TARGETS)
def test_one_more_operator_never_makes_the_code_smaller(kernels):
    alone = table()["kernel_sets"][kernels]["alone"]
    used = []
    before = runtime_bytes(used, TARGETS[kernels])
    for operator in alone:
        used.append(operator)
        after = runtime_bytes(used, TARGETS[kernels])
        assert before < after <= before + alone[operator]
        before = after


def test_shared_parts_fit_into_their_operators():
    for kernels in table()["kernel_sets"].values():
        for operator, parts in kernels["shares"].items():
            sizes = kernels["parts"] | kernels.get("int8", {}).get("parts", {})
            assert sum(sizes[part] for part in parts) < kernels["alone"][operator]


def test_unknown_operators_are_named():
    with pytest.raises(UnsupportedModelError, match="EXP"):
        runtime_bytes(["CONV_2D", "EXP"], TARGETS["reference"])
