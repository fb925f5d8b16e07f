"""Ranges cut off what is rare where that costs less than it gains."""

import numpy as np
import pytest
from helpers_networks import family_network, random_samples, random_weights

from autotiny.lowering import activation_ranges
from autotiny.lowering._ranges import input_range
from autotiny.lowering.calibration import CALIBRATIONS, Seen, rounding_error
from autotiny.lowering.newton import clipping
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import INPUT


def heavy(seed=0, count=200_000):
    """Values of Student's distribution: most are near 0, few are far off."""
    return np.random.default_rng(seed).standard_t(4, count).astype(np.float32)


def seen(values):
    return Seen(float(values.min()), float(values.max()), values)


def error(name, values, bits=8):
    return rounding_error(values, *CALIBRATIONS[name].limits(seen(values), bits), bits)


@pytest.mark.parametrize("name", CALIBRATIONS)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_range_lies_within_what_was_seen(name, bits):
    for values in (heavy(), np.abs(heavy()), -np.abs(heavy()), np.ones(7, np.float32)):
        low, high = CALIBRATIONS[name].limits(seen(values), bits)
        assert min(values.min(), 0) <= low <= high <= max(values.max(), 0)
        assert max(abs(low), abs(high)) > 0


@pytest.mark.parametrize("name", ["mse", "octav"])
def test_the_error_is_smaller_than_without_clipping(name):
    for values in (heavy(), np.abs(heavy(1))):
        assert error(name, values) < 0.9 * error("minmax", values)


def test_newton_finds_what_search_finds():
    values = np.random.default_rng(0).laplace(size=20_000).astype(np.float32)
    assert error("octav", values) < 1.1 * error("mse", values)
    # Sakr et al. 2022: a normal distribution in four bits is cut at about 2.5 deviations.
    normal = np.abs(np.random.default_rng(1).normal(size=200_000))
    assert 2.3 < float(clipping(normal, 2 / 15)) < 2.8


def test_percentiles_ignore_outliers():
    values = np.random.default_rng(0).uniform(-1, 1, 10_000).astype(np.float32)
    values[:3] = 1000
    low, high = CALIBRATIONS["percentile"].limits(seen(values), 8)
    assert -1 <= low < -0.99
    assert 0.99 < high <= 1


def test_percentiles_leave_something_of_a_tensor_that_is_seldom_not_zero():
    values = np.zeros(10_000, np.float32)
    values[0] = 3
    assert CALIBRATIONS["percentile"].limits(seen(values), 8) == (0.0, 3.0)


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_every_tensor_of_a_network_is_calibrated(name):
    network = family_network("ds_cnn")
    network, weights = fold_batch_norm(network, random_weights(network))
    samples = random_samples(network, 100)
    ranges = activation_ranges(network, weights, samples, calibration=name)
    whole = activation_ranges(network, weights, samples)
    assert list(ranges) == list(whole)
    for tensor, (low, high) in ranges.items():
        least, most = whole[tensor]
        assert min(least, 0) <= low <= high <= max(most, 0)
    assert ranges == activation_ranges(network, weights, samples, calibration=name)
    assert input_range(samples) == whole[INPUT]
