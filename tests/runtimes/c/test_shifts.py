"""Models whose scales are powers of two: compiled code stores a shift of a byte for each filter."""

import numpy as np
import pytest
from helpers_networks import FAMILIES, family_network, random_samples, random_weights

from autotiny.lowering import Grids, activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.groups import constant_bytes, groups_of
from autotiny.runtimes.c.reading import read_program

WIDE = LayerPrecision(activation_bits=16)


def lowered(name, plan_of=lambda layer: None, **grids):
    network = family_network(name)
    network, weights = fold_batch_norm(network, random_weights(network))
    ranges = activation_ranges(network, weights, random_samples(network, 16))
    plan = {layer.name: p for layer in network.weight_layers if (p := plan_of(layer))}
    return lower(network, weights, plan, ranges, Grids(**grids))


def arrays(model):
    return [group.arrays for group in groups_of(read_program(model)) if "weights" in group.arrays]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("wide", [False, True])
def test_multipliers_are_not_stored(name, wide):
    plan = (lambda _: WIDE) if wide else (lambda _: None)
    model = lowered(name, plan, scale_grid="power_of_two")
    for found in arrays(model):
        assert not {"multiplier", "factor"} & set(found)
        assert found.get("shift", "int8_t") == "int8_t"
    free = lowered(name, plan)
    if name != "mlp":  # dense layers have one factor
        assert any({"multiplier", "factor"} & set(found) for found in arrays(free))
        fewer = constant_bytes(groups_of(read_program(model)))
        assert fewer < constant_bytes(groups_of(read_program(free)))


@pytest.mark.parametrize("optimise", Optimise.__args__)
@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_bits(engine, compiler, name, optimise):
    for wide in (False, True):
        plan = (lambda _: WIDE) if wide else (lambda _: None)
        for granularity in ("channel", "tensor"):
            model = lowered(name, plan, scale_grid="power_of_two", weight_granularity=granularity)
            program = read_program(model)
            engine.same_bits(model, generate(program, optimise=optimise), compiler)


def test_factors_are_powers_of_two():
    for step in read_program(lowered("ds_cnn", scale_grid="power_of_two")).steps:
        if "multiplier" in step.arrays:
            assert np.unique(step.arrays["multiplier"]).tolist() == [1 << 30]
