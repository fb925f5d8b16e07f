"""Clustered weights: few values, zeros kept, nothing moves twice."""

import numpy as np
import pytest
from helpers_networks import family_network, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.compression.clustering import (
    cluster_levels,
    grid_levels,
    plan_levels,
    snap,
    snap_clustered,
)
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.precision import LayerPrecision


@st.composite
def kernels(draw):
    """Draw kernels with and without zeros, repeated values and outliers."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    size = draw(st.integers(1, 300))
    values = rng.normal(0, draw(st.sampled_from([1e-3, 1.0, 50.0])), size)
    values *= rng.random(size) >= draw(st.sampled_from([0.0, 0.5, 0.9]))
    if draw(st.booleans()):
        values = np.round(values, 1)
    if draw(st.booleans()):
        values[0] = 40 * np.abs(values).max()
    return values.astype(np.float32).reshape(1, size)


@settings(max_examples=80, deadline=None)
@given(kernels(), st.integers(1, 7))
def test_snapped_kernels_take_few_values_and_keep_their_zeros(kernel, bits):
    levels = cluster_levels(kernel, bits, seed=0)
    snapped = snap(kernel, levels.levels)
    assert len(np.unique(snapped)) <= len(levels.levels) <= 2**bits
    assert (snapped[kernel == 0] == 0).all()
    assert (0 in levels.levels) >= bool((kernel == 0).any())
    assert np.abs(levels.levels).max() <= 1
    if len(np.unique(kernel)) <= 2**bits:
        np.testing.assert_allclose(snapped, kernel, rtol=1e-5, atol=1e-9)


@settings(max_examples=80, deadline=None)
@given(kernels(), st.integers(1, 7))
def test_clustering_a_clustered_kernel_moves_nothing(kernel, bits):
    once = snap(kernel, cluster_levels(kernel, bits, seed=0).levels)
    twice = snap(once, cluster_levels(once, bits, seed=0).levels)
    np.testing.assert_allclose(twice, once, rtol=1e-6)
    np.testing.assert_array_equal(twice == 0, once == 0)


@settings(max_examples=40, deadline=None)
@given(kernels(), st.integers(1, 7))
def test_snapping_goes_to_the_nearest_level(kernel, bits):
    levels = cluster_levels(kernel, bits, seed=0).levels
    scale = max(float(np.abs(kernel).max()), 1e-12)
    nearest = np.abs(kernel[..., None] - levels * scale).min(axis=-1)
    error = np.abs(snap(kernel, levels) - kernel)
    np.testing.assert_allclose(error, nearest, atol=1e-6 * scale)


def test_more_bits_are_nearer_to_the_weights():
    kernel = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    errors = [
        np.square(snap(kernel, cluster_levels(kernel, bits, seed=0).levels) - kernel).mean()
        for bits in (1, 2, 3, 4, 5)
    ]
    assert sorted(errors, reverse=True) == errors
    assert errors[3] < 1.2 * 0.0095  # of 16 levels for normal values the best (Max 1960)


def test_kernel_of_zeros_has_one_level():
    kernel = np.zeros((4, 4), np.float32)
    levels = cluster_levels(kernel, 2, seed=0).levels
    np.testing.assert_array_equal(levels, [0])
    np.testing.assert_array_equal(snap(kernel, levels), kernel)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_grid_is_symmetric_and_without_its_lowest_value(bits):
    grid = grid_levels(bits, per_channel=True)
    assert len(grid.levels) == 2**bits - 1
    np.testing.assert_array_equal(grid.levels, -grid.levels[::-1])
    assert (grid.levels[0], grid.per_channel, grid.clustered) == (-1, True, False)


def test_a_plan_gets_levels_where_weights_have_fewer_than_eight_bits():
    network, weights = fold_batch_norm(family_network("cnn"), random_weights(family_network("cnn")))
    plan = {
        "conv0": LayerPrecision(weight_bits=4),
        "conv1": LayerPrecision(weight_bits=2, clustered=True),
        "classifier": LayerPrecision(activation_bits=16),
    }
    levels = plan_levels(network, weights, plan, seed=0)
    assert set(levels) == {"conv0/kernel", "conv1/kernel"}
    assert levels["conv0/kernel"].per_channel
    assert not levels["conv1/kernel"].per_channel
    dense = plan_levels(network, weights, {"classifier": plan["conv0"]}, seed=0)
    assert not dense["classifier/kernel"].per_channel


def test_only_clustered_kernels_are_snapped():
    network = family_network("mlp")
    network, weights = fold_batch_norm(network, random_weights(network))
    plan = {
        "dense0": LayerPrecision(weight_bits=4),
        "dense1": LayerPrecision(weight_bits=1, clustered=True),
    }
    snapped = snap_clustered(weights, plan_levels(network, weights, plan, seed=0))
    assert len(np.unique(snapped["dense1/kernel"])) == 2
    for name in set(weights) - {"dense1/kernel"}:
        np.testing.assert_array_equal(snapped[name], weights[name])
