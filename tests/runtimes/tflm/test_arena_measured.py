"""The predicted arena against what was measured on an emulated Cortex-M4, operator by operator."""

from pathlib import Path

import pytest
import yaml
from helpers_operators import lstm, operator_models

from autotiny.runtimes import Target
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.arena import predict_arena
from autotiny.runtimes.tflm.versions import NEWEST, load_version
from autotiny.tflite.reader import read_model

HERE = Path(__file__).parent
MODELS = operator_models()
ARDUINO = "arduino-2.4.0-ALPHA"
MEASURED = {
    name: yaml.safe_load((HERE / f"arenas_{name}.yaml").read_text("utf-8"))
    for name in (NEWEST, ARDUINO)
}
TARGETS = {
    NEWEST: (
        Target(),
        Target(kernels="cmsis-nn"),
        Target(kernels="cmsis-nn", core="cortex-m55"),
    ),
    ARDUINO: (Target(kernels="cmsis-nn", tflm_version=ARDUINO),),
}
#: Used and smallest of the model below, with each kernel set.
LSTM = ((3092, 4160), (5012, 5984))
#: What takes resource variables, or is measured by the tests of encodings.
UNMEASURED = {"ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE", "TFLM_DECODE"}
#: Endings of models that the Arduino library does not run.
REFUSED = ("int4", "per channel")


def test_every_operator_that_is_known_was_measured():
    used = {op.name for data in MODELS.values() for op in read_model(data).operators}
    assert set(load_version(NEWEST).operators) - used == UNMEASURED
    assert set(MEASURED[NEWEST]) == set(MODELS)
    known = {*load_version(ARDUINO).operators, "network"}
    without = {name for name in MODELS if name.split()[0] in known} - set(MEASURED[ARDUINO])
    assert {name for name in without if not name.endswith(REFUSED)} == {
        "BROADCAST_ARGS int32",
        "DIV int8",
    }


@pytest.mark.parametrize("version", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_arenas_are_what_was_measured(name, version):
    model = read_model(MODELS[name])
    head, _ = interpreter.recorded_arena(MODELS[name], trusted=True)
    for target, measured in zip(TARGETS[version], MEASURED[version].get(name, ()), strict=False):
        if measured is None:
            continue
        used, smallest = measured
        arena = predict_arena(model, target, recorded_head=head)
        assert arena.used == used
        assert smallest <= arena.smallest <= smallest + 64


def test_state_counts_before_memory_is_planned():
    """Measured: arena_used_bytes() and the smallest arena of two LSTM layers of 24 units."""
    data = lstm("int8", steps=10, features=8, units=24, layers=2)
    head, _ = interpreter.recorded_arena(data, trusted=True)
    for target, measured in zip(TARGETS[NEWEST], LSTM, strict=False):
        arena = predict_arena(read_model(data), target, recorded_head=head)
        assert (arena.used, arena.smallest) == measured


def test_nearly_all_smallest_arenas_are_exact():
    for version, targets in TARGETS.items():
        off = 0
        for name, measured in MEASURED[version].items():
            head, _ = interpreter.recorded_arena(MODELS[name], trusted=True)
            for target, pair in zip(targets, measured, strict=True):
                arena = predict_arena(read_model(MODELS[name]), target, recorded_head=head)
                off += pair is not None and arena.smallest != pair[1]
        assert off <= 4
