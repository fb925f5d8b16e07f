"""Costs of C code are predicted for every kernel, and what was never measured is said to be so."""

import copy

import numpy as np
import pytest
from helpers_networks import random_samples, random_weights

from autotiny.networks.families import build_network
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.costs import predict
from autotiny.runtimes.c.costs.features import code_features, function_features
from autotiny.runtimes.c.costs.predict import predict_costs, table_of
from autotiny.runtimes.c.costs.work import work_features
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.encodings import ENCODINGS
from autotiny.runtimes.c.groups import groups_of
from autotiny.runtimes.c.kernels import KERNELS
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.reading import read_program

OPTIMISE = Optimise.__args__
#: Kernels that read fields of a structure once are those of fast forms.
SMALL = [name for name, kernel in KERNELS.items() if not kernel.hoists]


@pytest.fixture(scope="module")
def program(engine):
    network = build_network("ds_cnn", {"filters": 8, "blocks": 2}, (8, 8, 2), 4)
    return read_program(
        engine.lowered(network, random_weights(network), random_samples(network, 8))
    )


def groups_for(program, optimise):
    """Return the functions of a program as it is compiled."""
    stored = encode_weights(program) if optimise == "size" else program
    return groups_of(generate(stored, optimise=optimise).program)


@pytest.mark.parametrize("core", list(CORES))
@pytest.mark.parametrize(("optimise", "kernels"), [("size", SMALL), ("balanced", list(KERNELS))])
def test_every_kernel_has_factors(core, optimise, kernels):
    table, known = table_of(core, optimise)
    assert known
    for kernel in kernels:
        assert kernel in table["code"], f"measure programs with {kernel}"
        assert kernel in table["stacks"], f"measure programs with {kernel}"
        if "instructions" in table:
            loops = [name for name in table["instructions"] if name.startswith(f"{kernel}.")]
            assert len(loops) > 1, f"measure programs with {kernel}"
    for encoding in ENCODINGS:
        assert f"weighted {encoding}" in table["code"]


@pytest.mark.parametrize("core", list(CORES))
@pytest.mark.parametrize("optimise", OPTIMISE)
def test_a_network_is_predicted_in_every_form(program, core, optimise):
    costs = predict_costs(groups_for(program, optimise), core, optimise)
    assert costs.origin == "predicted"
    assert costs.code_bytes > 200
    assert 0 < costs.stack_bytes <= predict_costs((), core, optimise).stack_bytes
    assert (costs.instructions is None) == (core == "avr")


def test_size_is_what_is_predicted_unless_told():
    assert predict_costs((), "cortex-m4") == predict_costs((), "cortex-m4", "size")
    assert table_of("cortex-m4", "balanced") == table_of("cortex-m4", "speed")


def without(table, kernel):
    """Return a table in which a kernel was never measured."""
    made = copy.deepcopy(table)
    for part in ("code", "instructions", "stacks"):
        made[part] = {
            name: x for name, x in made[part].items() if name.split()[0].split(".")[0] != kernel
        }
    return made


def test_a_kernel_that_was_never_measured_counts_as_the_mean(program, monkeypatch):
    groups = groups_for(program, "size")
    table, _ = table_of("cortex-m4")
    known = predict_costs(groups, "cortex-m4")
    monkeypatch.setattr(predict, "table_of", lambda *_: (without(table, "weighted"), True))
    costs = predict_costs(groups, "cortex-m4")
    assert costs.origin == "estimated"
    assert costs.code_error > known.code_error
    assert costs.instructions_error > known.instructions_error
    assert costs.stack_bytes == table["stack"]
    weighted = sum(group.kernel == "weighted" for group in groups)
    assert costs.code_bytes >= weighted * round(table["code_mean"])
    assert costs.instructions > 0


def test_a_form_that_was_never_measured_is_estimated(program, monkeypatch):
    groups = groups_for(program, "size")
    table = copy.deepcopy(table_of("cortex-m4")[0])
    del table["code"]["weighted shared"]
    monkeypatch.setattr(predict, "table_of", lambda *_: (table, True))
    assert predict_costs(groups, "cortex-m4").origin == "estimated"


def test_an_encoding_that_was_added_has_an_error_of_its_own(program, monkeypatch):
    table, _ = table_of("cortex-m4")
    part = table["added"]["blocks"] | {"code_error": 0.9}
    table = {**table, "added": {"blocks": part}}
    monkeypatch.setattr(predict, "table_of", lambda *_: (table, True))
    place = next(place for place, step in enumerate(program.steps) if "weights" in step.arrays)
    for name, error in (("pruned", table["code_error"]), ("blocks", 0.9)):
        groups = groups_of(encode_weights(program, {place: name}))
        assert predict_costs(groups, "cortex-m4").code_error == error


@pytest.mark.parametrize("optimise", OPTIMISE)
def test_features_are_counts_of_a_program(program, optimise):
    groups = groups_for(program, optimise)
    features = code_features(groups, fast=optimise != "size")
    for kernel in {group.kernel for group in groups}:
        assert features[kernel] == sum(group.kernel == kernel for group in groups)
        assert any(name.startswith(f"{kernel}.") for name in work_features(groups))
    assert all(np.isfinite(list(features.values())))


def test_fast_code_is_written_out_where_loops_are_known(program):
    for group in groups_for(program, "speed"):
        fast, small = function_features(group, fast=True), function_features(group)
        assert small.items() <= fast.items()
