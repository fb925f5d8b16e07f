"""The plan chosen is the one that brute force finds."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.compression.precision import choose_plan
from autotiny.compression.sensitivity import Sensitivity
from autotiny.networks.graph import chain
from autotiny.networks.layers import Dense
from autotiny.networks.precision import INT8, LayerPrecision
from autotiny.runtimes._base import PrecisionCosts

W4, A16 = LayerPrecision(weight_bits=4), LayerPrecision(activation_bits=16)
C4, C2 = (LayerPrecision(weight_bits=bits, clustered=True) for bits in (4, 2))
C3, C1 = (LayerPrecision(weight_bits=bits, clustered=True) for bits in (3, 1))
PRECISIONS = (W4, A16, C4, C2)


def needs(precision):
    parts = {"DECODE": precision.clustered, "QUANTIZE": precision.activation_bits == 16}
    return frozenset(part for part, needed in parts.items() if needed)


def problem(sizes, sensitivities, code):
    """Return network, table and costs; ``sizes`` and ``sensitivities`` by layer and precision."""
    names = list(dict.fromkeys(layer for layer, _ in sizes))
    network = chain((3,), tuple(Dense(name, 3) for name in names))
    options = {name: [p for layer, p in sensitivities if layer == name] for name in names}
    table = [Sensitivity(*key, 0.0, kl) for key, kl in sensitivities.items()]
    costs = PrecisionCosts(options, lambda layer, p, parts: sizes[layer, p], code, needs)
    return network, table, costs


def total(plan, sizes, sensitivities, code):
    """Return bytes and summed sensitivity of a plan."""
    names = dict.fromkeys(layer for layer, _ in sizes)
    precisions = {name: plan.get(name, INT8) for name in names}
    parts = frozenset[str]().union(*(needs(p) for p in precisions.values()))
    used = sum(sizes[item] for item in precisions.items()) + sum(code[part] for part in parts)
    return used, sum(sensitivities[item] for item in plan.items())


@st.composite
def problems(draw):
    names = [f"layer{i}" for i in range(draw(st.integers(1, 4)))]
    size, cost = st.integers(0, 60), st.integers(-20, 60)
    sizes = {(name, INT8): draw(size) for name in names}
    sensitivities = {}
    for key in itertools.product(names, PRECISIONS):
        sizes[key] = draw(size)
        if draw(st.booleans()):
            sensitivities[key] = draw(cost) / 64  # sums of such fractions are exact
    code = {"DECODE": draw(size), "QUANTIZE": draw(size)}
    return sizes, sensitivities, code, draw(st.integers(0, 120)) / 64


@settings(max_examples=150, deadline=None)
@given(problems())
def test_plan_is_the_one_that_brute_force_finds(drawn):
    sizes, sensitivities, code, tolerance = drawn
    network, table, costs = problem(sizes, sensitivities, code)
    names = [layer.name for layer in network.layers]
    everything = itertools.product(
        *([INT8, *(p for p in PRECISIONS if (name, p) in sensitivities)] for name in names)
    )
    plans = [
        {name: p for name, p in zip(names, row, strict=True) if p != INT8} for row in everything
    ]
    paid = {k: kl if k[1] == A16 else max(kl, 0.0) for k, kl in sensitivities.items()}
    totals = [total(plan, sizes, paid, code) for plan in plans if tolerance or not plan]
    best = min(pair for pair in totals if pair[1] <= tolerance)
    plan = choose_plan(network, table, tolerance, costs)
    assert INT8 not in plan.values()
    assert total(plan, sizes, paid, code) == best


def test_code_is_paid_once_and_only_if_it_pays():
    names = ("a", "b")
    sizes = {(n, p): s for n in names for p, s in ((INT8, 100), (C4, 50))}
    sensitivities = {(n, C4): 0.0 for n in names}
    for code, expected in ((49, {"a": C4, "b": C4}), (99, {"a": C4, "b": C4}), (101, {})):
        network, table, costs = problem(sizes, sensitivities, {"DECODE": code, "QUANTIZE": 0})
        assert choose_plan(network, table, 1.0, costs) == expected


def test_a_gain_elsewhere_pays_for_a_loss():
    sizes = {("a", INT8): 10, ("a", A16): 12, ("b", INT8): 100, ("b", W4): 50}
    sensitivities = {("a", A16): -0.5, ("b", W4): 0.4}
    network, table, costs = problem(sizes, sensitivities, {"DECODE": 0, "QUANTIZE": 5})
    assert choose_plan(network, table, 0.001, costs) == {"a": A16, "b": W4}


def test_noise_of_fewer_bits_pays_for_nothing():
    sizes = {("a", INT8): 100, ("a", W4): 50, ("b", INT8): 100, ("b", W4): 50}
    sensitivities = {("a", W4): -0.5, ("b", W4): 0.4}
    network, table, costs = problem(sizes, sensitivities, {"DECODE": 0, "QUANTIZE": 5})
    assert choose_plan(network, table, 0.3, costs) == {"a": W4}


def test_tolerance_zero_is_int8():
    sizes = {("a", INT8): 100, ("a", W4): 50, ("b", INT8): 100, ("b", A16): 50}
    sensitivities = {("a", W4): -0.5, ("b", A16): -0.5}
    network, table, costs = problem(sizes, sensitivities, {"DECODE": 0, "QUANTIZE": 5})
    assert choose_plan(network, table, 0.0, costs) == {}


def test_what_the_target_cannot_run_is_never_chosen():
    sizes = {("a", INT8): 100, ("a", C2): 10, ("a", W4): 50}
    network, table, costs = problem(sizes, {("a", C2): 0.0, ("a", W4): 0.0}, {"DECODE": 0})
    without = PrecisionCosts({"a": [W4]}, costs.layer_bytes, {}, needs)
    assert choose_plan(network, table, 1.0, without) == {"a": W4}


@pytest.mark.parametrize("spread", [(0.3, 3.0), (0.95, 1.05), (1.0, 1.0)])
@pytest.mark.parametrize("tolerance", [0.1, 0.5])
def test_thirty_layers_take_little_time(spread, tolerance):
    """Sensitivities in proportion to bytes saved are the hardest: no bound tells plans apart."""
    rng = np.random.default_rng(1)
    precisions = (A16, W4, C4, C3, C2, C1)
    sizes, sensitivities = {}, {}
    for i in range(30):
        name, size = f"layer{i}", int(rng.integers(100, 100_000))
        sizes[name, INT8] = size
        for p in precisions:
            sizes[name, p] = size * p.weight_bits // 8 + int(rng.integers(0, 100))
            saved = size - sizes[name, p]
            sensitivities[name, p] = saved * float(rng.uniform(*spread)) / 1e6
    code = {"DECODE": 19_000, "QUANTIZE": 6_000}
    network, table, costs = problem(sizes, sensitivities, code)
    start = time.process_time()
    plan = choose_plan(network, table, tolerance, costs)
    assert time.process_time() - start < 10
    used, cost = total(plan, sizes, sensitivities, code)
    assert cost <= tolerance
    # Lagrange's bound at any price holds for every plan: nothing has 5 % fewer bytes.
    options = {n: [(n, INT8), *((n, p) for p in precisions)] for n in {n for n, _ in sizes}}
    bound = max(
        sum(min(sizes[o] + price * sensitivities.get(o, 0.0) for o in group)
            for group in options.values()) - price * tolerance
        for price in np.geomspace(1e4, 1e7, 200)
    )  # fmt: skip
    assert used <= 1.05 * bound
