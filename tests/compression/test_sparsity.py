"""Masks keep exactly what they should, and schedules end where they say."""

import numpy as np
import pytest
from helpers_networks import blobs, family_network, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.compression.sparsity import (
    CRITERIA,
    PATTERNS,
    PRUNABLE_MIN_WEIGHTS,
    SCHEDULES,
    Now,
    Pruning,
    SparsitySchedule,
    kept_count,
    magnitude_mask,
    prunable,
    prune,
    steps_of,
)
from autotiny.networks.graph import chain
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Dense
from autotiny.tasks import CLASSIFY
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.loop import TrainingSettings, _Loop, train

#: 30 x 35 weights: at 0.9 single and double precision round the count of kept ones differently.
WIDE = chain((30,), (Dense("a", 35, activation="relu"), Dense("out", 20)))


@given(st.integers(1, 2000), st.floats(0, 0.99), st.integers(0, 99))
def test_mask_keeps_exactly_the_largest(size, sparsity, seed):
    kernel = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    mask = magnitude_mask(kernel, sparsity)
    assert mask.sum() == kept_count(size, sparsity)
    if not mask.all():
        assert np.abs(kernel[mask]).min() >= np.abs(kernel[~mask]).max()


@given(st.integers(1, 500), st.floats(0, 0.99))
def test_of_equal_weights_the_earlier_ones_stay(size, sparsity):
    mask = magnitude_mask(np.ones(size, np.float32), sparsity)
    keep = kept_count(size, sparsity)
    assert mask[:keep].all()
    assert not mask[keep:].any()


def test_one_weight_always_stays():
    assert kept_count(10, 0.99) == 1
    assert kept_count(1000, 0.8) == 200


def test_pruning_touches_prunable_kernels_only():
    network = family_network("ds_cnn")
    wide = chain(WIDE.input_shape, (*WIDE.layers[:-1], Dense("b", 30), Dense("out", 3)))
    for net in (network, wide):
        weights = random_weights(net)
        pruned = prune(net, weights, 0.7)
        for name, array in weights.items():
            if name in prunable(net):
                assert np.count_nonzero(pruned[name]) == kept_count(array.size, 0.7)
                kept = pruned[name] != 0
                np.testing.assert_array_equal(pruned[name][kept], array[kept])
            else:
                np.testing.assert_array_equal(pruned[name], array)
    assert prunable(wide) == ("a/kernel", "b/kernel")
    assert prunable(network) == ()


def test_small_depthwise_and_classifier_kernels_are_not_prunable():
    network = family_network("ds_cnn")
    shapes = network.weight_shapes()
    assert all(np.prod(shapes[name]) >= PRUNABLE_MIN_WEIGHTS for name in prunable(network))
    large = chain((600,), (Dense("a", 60), Dense("out", 20)))
    assert prunable(large) == ("a/kernel",)  # 1,200 of 37,200 weights are the classifier's
    assert prunable(WIDE) == ("a/kernel", "out/kernel")


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 300), sparsity=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_pattern_keeps_exactly_what_it_says(pattern, size, sparsity, seed):
    tf = prepare_tensorflow(0)
    scores = np.random.default_rng(seed).random(size).astype(np.float32)
    kept = PATTERNS[pattern].kept_count(size, sparsity)
    assert 1 <= kept <= size
    now = Now(tf.constant(sparsity, tf.float32), tf.constant(1.0), tf.constant(True))
    mask = PATTERNS[pattern].mask(tf, tf.constant(scores), now, kept).numpy()
    assert set(np.unique(mask)) <= {0.0, 1.0}
    assert int(mask.sum()) == kept
    if pattern == "2:4":
        assert (mask[: size // 4 * 4].reshape(-1, 4).sum(axis=1) == 2).all()
    if pattern == "blocks":
        assert set(mask[: size // 4 * 4].reshape(-1, 4).sum(axis=1)) <= {0.0, 4.0}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_criterion_pattern_and_schedule_ends_where_the_footprint_counts(
    criterion, pattern, kind
):
    schedule = SparsitySchedule(0.7, kind, 0.1, 0.5, frequency=2)
    pruning = Pruning(schedule, criterion, pattern)
    settings = TrainingSettings(2, batch_size=16, pruning=pruning)
    weights = train(WIDE, initial_weights(WIDE, 1), blobs((30,), 20, 64), settings).weights
    for name in prunable(WIDE):
        array = weights[name]
        assert np.count_nonzero(array) == pruning.kept_count(name, array.size)
        if pattern == "blocks":
            blocks = array.T.ravel()[: array.size // 4 * 4].reshape(-1, 4) != 0
            assert set(blocks.sum(axis=1)) <= {0, 4}


def test_kernels_may_have_their_own_sparsity():
    pruning = Pruning(SparsitySchedule(0.5), shares={"a/kernel": 0.9, "out/kernel": 0.0})
    settings = TrainingSettings(2, batch_size=16, pruning=pruning)
    weights = train(WIDE, initial_weights(WIDE, 1), blobs((30,), 20, 64), settings).weights
    assert np.count_nonzero(weights["a/kernel"]) == kept_count(1050, 0.9)
    assert np.count_nonzero(weights["out/kernel"]) == weights["out/kernel"].size


def test_weights_that_went_in_one_shot_never_come_back():
    tf = prepare_tensorflow(0)
    pruning = Pruning(SparsitySchedule(0.5, "one_shot", 0.3))
    loop = _Loop(
        tf, WIDE, initial_weights(WIDE, 0), TrainingSettings(1, pruning=pruning), 10, CLASSIFY
    )
    split = blobs((30,), 20, 8)
    data = {"x": tf.constant(split.x), "y": tf.constant(split.y)}, tf.range(8)[None]
    seen = []
    for step in range(10):
        loop.epoch(*data, tf.constant(step))
        seen.append(loop.weights()["a/kernel"] != 0)
    assert seen[2].all()
    assert int(seen[3].sum()) == kept_count(1050, 0.5)
    assert all((mask == seen[3]).all() for mask in seen[3:])


def test_rounds_each_take_the_same_share_of_what_is_left():
    prepare_tensorflow(0)
    steps = steps_of(SparsitySchedule(0.75, "iterative", 0.0, 0.5, rounds=2), 100)
    assert [round(float(steps(step)[1]), 6) for step in (0, 49, 50, 99)] == [0.5, 0.5, 0.75, 0.75]
    assert [bool(steps(step)[0]) for step in (0, 1, 50)] == [True, False, True]


def trained(schedule, **settings):
    split = blobs((30,), 20, 96)
    start = initial_weights(WIDE, 1)
    return train(
        WIDE,
        start,
        split,
        TrainingSettings(2, batch_size=16, pruning=Pruning(schedule)),
        **settings,
    )


CASES = [
    SparsitySchedule(0.9, "constant", 0.0, frequency=5),
    SparsitySchedule(0.9, "constant", 0.9, frequency=1000),
    SparsitySchedule(0.9, "polynomial", 0.0, 0.6, 3.0, 5),
    SparsitySchedule(0.75, "polynomial", 0.0, 1.0, 1.0, 7),
    SparsitySchedule(0.5, "polynomial", 0.9, 0.9, 3.0, 10_000),
    SparsitySchedule(0.99, "polynomial", 0.3, 0.5, 0.1, 1),
    SparsitySchedule(0.3, "polynomial", 0.0, 0.05, 10.0, 3),
]


@pytest.mark.parametrize("schedule", CASES, ids=str)
def test_training_ends_at_exactly_the_final_sparsity(schedule):
    weights = trained(schedule).weights
    for name in prunable(WIDE):
        kept = np.count_nonzero(weights[name])
        assert kept == kept_count(weights[name].size, schedule.final)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 400),
    st.floats(0, 0.9),
    st.floats(0.05, 1.0),
    st.floats(0.1, 10),
    st.integers(1, 500),
    st.sampled_from(["constant", "polynomial"]),
)
def test_every_schedule_is_one_that_tfmot_takes(total, begin, end, power, frequency, kind):
    steps = steps_of(SparsitySchedule(0.8, kind, begin, max(begin, end), power, frequency), total)
    assert 0 <= steps.begin_step <= total - 1
    if kind == "polynomial":
        assert steps.begin_step < steps.end_step
        assert steps.end_step <= max(total - 1, steps.begin_step + 1)


def test_polynomial_reaches_its_end_between_two_updates():
    """What follows the end is recovery, whatever the frequency: the masks no longer change."""
    tf = prepare_tensorflow(0)
    schedule = SparsitySchedule(0.5, "polynomial", 0.0, 0.5, 1.0, frequency=7)
    loop = _Loop(
        tf,
        WIDE,
        initial_weights(WIDE, 0),
        TrainingSettings(1, pruning=Pruning(schedule)),
        20,
        CLASSIFY,
    )
    split = blobs((30,), 20, 8)
    data = {"x": tf.constant(split.x), "y": tf.constant(split.y)}, tf.range(8)[None]
    counts = []
    for step in range(20):
        loop.epoch(*data, tf.constant(step))
        counts.append(int(np.count_nonzero(loop.weights()["a/kernel"])))
    assert counts[0] == 1050
    assert sorted(counts, reverse=True) == counts
    assert counts[9] > counts[10] == counts[19] == kept_count(1050, 0.5)


@pytest.mark.parametrize("sparsity", [0.0, 0.8])
def test_zeros_stay_zero_when_asked(sparsity):
    start = prune(WIDE, initial_weights(WIDE, 1), 0.6)
    schedule = SparsitySchedule(sparsity, "polynomial", 0.0, 0.6, 3.0, 2)
    settings = TrainingSettings(2, batch_size=16, keep_zeros=True, pruning=Pruning(schedule))
    weights = train(WIDE, start, blobs((30,), 20, 64), settings).weights
    for name in prunable(WIDE):
        assert (weights[name][start[name] == 0] == 0).all()
        expected = kept_count(start[name].size, max(sparsity, 0.6))
        assert np.count_nonzero(weights[name]) == expected
        assert not np.array_equal(weights[name], start[name])
