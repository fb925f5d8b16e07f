"""The predicted arena against what was measured on an emulated Cortex-M4, operator by operator."""

from pathlib import Path

import pytest
import yaml
from helpers_operators import lstm, operator_models

from autotiny.runtimes import Target
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.arena import predict_arena
from autotiny.runtimes.tflm.reader import read_model
from autotiny.runtimes.tflm.versions import NEWEST, load_version

HERE = Path(__file__).parent
MODELS = operator_models()
MEASURED = yaml.safe_load((HERE / f"arenas_{NEWEST}.yaml").read_text("utf-8"))
TARGETS = (Target(), Target(kernels="cmsis-nn"))
#: Used and smallest of the model below, with each kernel set.
LSTM = ((3092, 4160), (5012, 5984))
#: What takes resource variables, or is measured by the tests of encodings.
UNMEASURED = {"ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE", "TFLM_DECODE"}


def test_every_operator_that_is_known_was_measured():
    used = {op.name for data in MODELS.values() for op in read_model(data).operators}
    assert set(load_version(NEWEST).operators) - used == UNMEASURED
    assert set(MEASURED) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_arenas_are_what_was_measured(name):
    model = read_model(MODELS[name])
    head, _ = interpreter.recorded_arena(MODELS[name], trusted=True)
    for target, measured in zip(TARGETS, MEASURED[name], strict=True):
        if measured is None:
            continue
        used, smallest = measured
        arena = predict_arena(model, target, recorded_head=head)
        assert arena.used == used
        assert smallest <= arena.smallest <= smallest + 16


def test_state_counts_before_memory_is_planned():
    """Measured: arena_used_bytes() and the smallest arena of two LSTM layers of 24 units."""
    data = lstm("int8", steps=10, features=8, units=24, layers=2)
    head, _ = interpreter.recorded_arena(data, trusted=True)
    for target, measured in zip(TARGETS, LSTM, strict=True):
        arena = predict_arena(read_model(data), target, recorded_head=head)
        assert (arena.used, arena.smallest) == measured
