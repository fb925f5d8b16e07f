"""The compiled loop: reproducible, learning, and true to its settings."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers_networks import blobs, family_network, networks, random_samples, random_weights
from hypothesis import given, settings

from autotiny.compression.clustering import WeightLevels, cluster_levels, grid_levels, snap
from autotiny.compression.distillation import Distillation, Lesson
from autotiny.compression.sparsity import Pruning, SparsitySchedule
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import chain
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D
from autotiny.tasks import CLASSIFY
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.forward import forward, logits
from autotiny.training.loop import TrainingSettings, _Loop, train
from autotiny.training.simulation import on_levels

SHAPE = (10, 6, 1)


def digest(weights):
    """Return a digest of every bit of all arrays."""
    parts = hashlib.sha256()
    for name in sorted(weights):
        parts.update(name.encode() + weights[name].tobytes())
    return parts.hexdigest()


def short_training(seed=3):
    """Train with everything on at once."""
    network = family_network("ds_cnn")
    start = initial_weights(network, 0)
    split = blobs(SHAPE, 4, 96)
    settings = TrainingSettings(
        2, batch_size=16, seed=seed,
        pruning=Pruning(SparsitySchedule(0.5, frequency=2)),
        distillation=Distillation(0.5, 3.0),
        levels={"stem/kernel": cluster_levels(start["stem/kernel"], 3, seed=0)},
    )  # fmt: skip
    teacher = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32)
    return train(network, start, split, settings, lesson=Lesson(teacher))


def test_same_seed_same_bits_in_this_process_and_in_others():
    first = digest(short_training().weights)
    assert digest(short_training().weights) == first
    assert digest(short_training(seed=4).weights) != first
    program = "import test_loop as t; print(t.digest(t.short_training().weights))"
    paths = [str(folder) for folder in (Path(__file__).parent, Path(__file__).parents[1])]
    # Two of them, since a search in this process may have decided on the number of threads.
    others = {
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {program}"],
            capture_output=True, text=True, check=True,
        ).stdout
        for _ in range(2)
    }  # fmt: skip
    assert len(others) == 1


@pytest.mark.parametrize("name", ["mlp", "cnn", "ds_cnn"])
def test_loss_falls_and_classes_are_learnt(name):
    network = family_network(name)
    split = blobs(network.input_shape, 4, 256)
    fresh = blobs(network.input_shape, 4, 128, seed=9)
    epochs = []
    result = train(
        network, initial_weights(network, 0), split, TrainingSettings(8, 5e-3, batch_size=16),
        on_epoch=lambda epoch, loss: epochs.append((epoch, loss)),
    )  # fmt: skip
    assert result.losses[-1] < 0.5 * result.losses[0]
    assert epochs == list(enumerate(result.losses, start=1))
    assert result.validation_scores == ()
    predicted = logits(network, result.weights, fresh.x).argmax(axis=1)
    assert (predicted == fresh.y).mean() > 0.9


def test_patience_stops_and_keeps_the_best_weights():
    network = family_network("mlp")
    split = blobs(network.input_shape, 4, 64, spread=3.0)
    validation = blobs(network.input_shape, 4, 100, seed=1, spread=3.0)
    result = train(
        network, initial_weights(network, 0), split,
        TrainingSettings(60, 0.02, batch_size=16, patience=3), validation=validation,
    )  # fmt: skip
    scores = result.validation_scores
    assert len(scores) == len(result.losses) < 60
    best = int(np.argmax(scores))
    assert len(scores) - 1 - best == 3
    predicted = logits(network, result.weights, validation.x).argmax(axis=1)
    assert (predicted == validation.y).mean() == max(scores) > scores[-1]


def test_alpha_one_learns_from_the_teacher_alone():
    network = family_network("mlp")
    split = blobs(network.input_shape, 4, 256)
    wrong = (split.y + 1) % 4
    teacher = 8 * np.eye(4, dtype=np.float32)[wrong]
    settings = TrainingSettings(8, 5e-3, batch_size=16, distillation=Distillation(1.0, 2.0))
    start = initial_weights(network, 0)
    result = train(network, start, split, settings, lesson=Lesson(teacher))
    assert (logits(network, result.weights, split.x).argmax(axis=1) == wrong).mean() > 0.9
    with pytest.raises(ValueError, match="teacher"):
        train(network, start, split, settings)


def test_a_batch_larger_than_the_split_is_the_split():
    network = family_network("mlp")
    split = blobs(network.input_shape, 4, 10)
    result = train(network, initial_weights(network, 0), split, TrainingSettings(2, batch_size=64))
    assert np.isfinite(result.losses).all()


def test_unequal_depthwise_strides_can_be_trained():
    layers = (Conv2D("c", 4, (3, 3)), DepthwiseConv2D("d", (3, 3), (2, 1)), Dense("out", 4))
    network = chain(SHAPE, layers)
    start = initial_weights(network, 0)
    result = train(network, start, blobs(SHAPE, 4, 64), TrainingSettings(3, 5e-3, batch_size=16))
    assert result.losses[-1] < result.losses[0]
    assert not np.array_equal(result.weights["d/kernel"], start["d/kernel"])


def test_batch_statistics_move_towards_those_of_the_data():
    network = chain((5,), (Dense("a", 6, activation="relu", batch_norm=True), Dense("out", 4)))
    split = blobs((5,), 4, 64)
    start = initial_weights(network, 0)
    # A rate of nearly 0 leaves the weights alone, and one batch is the whole split.
    result = train(network, start, split, TrainingSettings(200, 1e-12, batch_size=64))
    values = split.x @ start["a/kernel"]
    np.testing.assert_allclose(result.weights["a/mean"], values.mean(axis=0), rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(result.weights["a/variance"], values.var(axis=0), rtol=1e-2)


@settings(max_examples=20, deadline=None)
@given(networks())
def test_normalising_by_the_batch_is_normalising_by_its_statistics(network):
    tf = prepare_tensorflow(0)
    weights = random_weights(network)
    x = tf.constant(random_samples(network, 5))
    tensors = {name: tf.constant(array) for name, array in weights.items()}
    trained, statistics = forward(network, tensors, x, training=True)
    replayed, _ = forward(network, tensors | statistics, x)
    np.testing.assert_allclose(trained.numpy(), replayed.numpy(), rtol=1e-4, atol=1e-4)


KERNELS = {
    "conv": (np.random.default_rng(0).normal(size=(3, 3, 4, 5)), grid_levels(4, per_channel=True)),
    "dense": (np.random.default_rng(1).normal(size=(20, 6)), grid_levels(4, per_channel=False)),
}
KERNELS["clustered"] = (KERNELS["conv"][0], cluster_levels(KERNELS["conv"][0], 2, seed=0))
KERNELS["zero"] = (np.zeros((4, 4)), WeightLevels(np.zeros(1, np.float32)))


@pytest.mark.parametrize("name", KERNELS)
def test_straight_through_rounds_forward_and_passes_gradients_back(name):
    tf = prepare_tensorflow(0)
    kernel, levels = KERNELS[name][0].astype(np.float32), KERNELS[name][1]
    variable = tf.Variable(kernel)
    with tf.GradientTape() as tape:
        rounded = on_levels(tf, variable, levels)
        loss = tf.reduce_sum(
            rounded * tf.range(kernel.size, dtype=tf.float32)[::-1].numpy().reshape(kernel.shape)
        )
    channels = kernel.shape[-1] if levels.per_channel else 1
    columns = kernel.reshape(-1, channels) if levels.per_channel else kernel.reshape(-1, 1)
    expected = np.stack([snap(column, levels.levels) for column in columns.T], axis=1)
    np.testing.assert_allclose(
        rounded.numpy().reshape(columns.shape), expected, rtol=1e-5, atol=1e-6
    )
    gradient = tape.gradient(loss, variable).numpy()
    np.testing.assert_array_equal(gradient.ravel(), np.arange(kernel.size)[::-1])


def test_training_on_levels_sees_the_levels():
    network, start = fold_batch_norm(family_network("mlp"), random_weights(family_network("mlp")))
    levels = {"dense0/kernel": cluster_levels(start["dense0/kernel"], 2, seed=0)}
    tf = prepare_tensorflow(0)
    loop = _Loop(tf, network, start, TrainingSettings(1, levels=levels), 1, CLASSIFY)
    x = random_samples(network, 6)
    snapped = start | {
        "dense0/kernel": snap(start["dense0/kernel"], levels["dense0/kernel"].levels)
    }
    np.testing.assert_allclose(
        loop._infer(tf.constant(x)).numpy(), logits(network, snapped, x), rtol=1e-4, atol=1e-5
    )
    assert np.abs(logits(network, start, x) - logits(network, snapped, x)).max() > 1e-2


def test_logits_of_many_batches_are_those_of_each():
    network = family_network("mlp")
    weights, x = random_weights(network), random_samples(network, 1100)
    together = logits(network, weights, x)
    assert together.shape == (1100, 4)
    np.testing.assert_allclose(
        together[700:710], logits(network, weights, x[700:710]), rtol=1e-5, atol=1e-6
    )
