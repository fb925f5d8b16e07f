"""Every optimiser learns, every augmentation keeps shapes and is the seed's."""

import numpy as np
import pytest
from helpers_networks import blobs, family_network
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.networks.graph import chain
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Conv2D, Dense
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.augmentations import AUGMENTATIONS, COMBINATIONS, augmented, suits
from autotiny.training.forward import logits
from autotiny.training.loop import TrainingSettings, train
from autotiny.training.optimisers import OPTIMISERS

SAMPLES = {"image": (9, 7, 2), "signal": (20, 1, 3), "vector": (11,)}
RATES = {"adam": 5e-3, "sgd": 0.02, "rmsprop": 1e-3}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_learns(name):
    network = family_network("mlp")
    split = blobs(network.input_shape, 4, 256)
    fresh = blobs(network.input_shape, 4, 128, seed=9)
    todo = TrainingSettings(10, RATES[name], batch_size=16, optimiser=name)
    result = train(network, initial_weights(network, 0), split, todo)
    assert result.losses[-1] < 0.5 * result.losses[0]
    assert (logits(network, result.weights, fresh.x).argmax(axis=1) == fresh.y).mean() > 0.9


@pytest.mark.parametrize("layout", SAMPLES)
@pytest.mark.parametrize("name", COMBINATIONS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), strength=st.floats(0, 1))
def test_augmentations_keep_shapes_and_are_the_seeds(name, layout, seed, strength):
    if not suits(name, layout):
        return
    tf = prepare_tensorflow(0)
    x = tf.constant(np.random.default_rng(0).normal(size=(5, *SAMPLES[layout])), tf.float32)

    def changed(number):
        return augmented(tf, x, name, strength, tf.constant([number, 3])).numpy()

    first = changed(seed)
    assert first.shape == x.shape
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, changed(seed))
    if strength > 0.9 and name != "none":
        assert not np.array_equal(first, changed(seed + 1))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_nothing_but_a_mirror_changes_samples_at_no_strength(name):
    tf = prepare_tensorflow(0)
    shape = SAMPLES[AUGMENTATIONS[name].layouts[0]]
    x = tf.constant(np.random.default_rng(0).normal(size=(6, *shape)), tf.float32)
    changed = AUGMENTATIONS[name].apply(tf, x, tf.constant([1, 2]), 0.0).numpy()
    wanted = [x.numpy()]
    if name == "flip":
        wanted.append(x.numpy()[:, :, ::-1])
    for number in range(6):
        assert any(np.allclose(changed[number], other[number]) for other in wanted)


def test_what_is_shifted_is_the_sample_with_zeros_beside_it():
    tf = prepare_tensorflow(0)
    x = np.random.default_rng(0).uniform(1, 2, (40, 8, 8, 1)).astype(np.float32)
    moved = AUGMENTATIONS["shift"].apply(tf, tf.constant(x), tf.constant([4, 2]), 1.0).numpy()
    seen = set()
    for before, after in zip(x[..., 0], moved[..., 0], strict=True):
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if np.array_equal(_moved(before, down, right), after)
        ]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) > 10


def _moved(plane, down, right):
    padded = np.pad(plane, 2)
    return padded[2 - down : 10 - down, 2 - right : 10 - right]


IMAGE = chain((8, 8, 1), (Conv2D("c", 6, (3, 3), activation="relu"), Dense("out", 4)))


@pytest.mark.parametrize(
    "options",
    [
        {"augmentation": "image"}, {"mixup": 0.4}, {"label_smoothing": 0.1},
        {"weight_decay": 0.1}, {"augmentation": "spectrogram", "mixup": 0.2},
    ],
    ids=str,
)  # fmt: skip
def test_what_regularises_still_learns_and_is_the_seeds(options):
    split = blobs((8, 8, 1), 4, 192)
    start = initial_weights(IMAGE, 0)

    def trained(seed):
        todo = TrainingSettings(8, 5e-3, batch_size=16, seed=seed, **options)
        return train(IMAGE, start, split, todo)

    first, second = trained(1), trained(1)
    plain = train(IMAGE, start, split, TrainingSettings(8, 5e-3, batch_size=16, seed=1))
    for name, array in first.weights.items():
        np.testing.assert_array_equal(array, second.weights[name])
        assert not np.array_equal(array, plain.weights[name])
    assert (logits(IMAGE, first.weights, split.x).argmax(axis=1) == split.y).mean() > 0.9


def test_smoothed_labels_make_outputs_less_sure_and_decay_makes_weights_small():
    split = blobs((8, 8, 1), 4, 192)
    start = initial_weights(IMAGE, 0)

    def trained(**options):
        return train(IMAGE, start, split, TrainingSettings(12, 5e-3, batch_size=16, **options))

    plain, smooth = trained(), trained(label_smoothing=0.3)
    spread = [np.ptp(logits(IMAGE, r.weights, split.x), axis=1).mean() for r in (plain, smooth)]
    assert spread[1] < 0.8 * spread[0]
    decayed = trained(weight_decay=5.0)
    size = [np.abs(r.weights["c/kernel"]).sum() for r in (plain, decayed)]
    assert size[1] < 0.8 * size[0]
