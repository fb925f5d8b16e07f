"""The distillation loss against its definition in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autotiny.compression.distillation import Distillation, distillation_loss
from autotiny.tasks.kinds import KINDS
from autotiny.tensorflow_setup import prepare_tensorflow

LOGITS = arrays.arrays(np.float32, (5, 4), elements=st.floats(-20, 20, width=32))
LABELS = np.array([0, 3, 1, 1, 2])


def log_softmax(x):
    x = x.astype(np.float64) - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def mean_loss(tf, outputs, teacher, settings):
    kind, labels = KINDS["classification"], tf.constant(LABELS)
    return tf.reduce_mean(distillation_loss(tf, kind, outputs, labels, teacher, settings))


def loss(logits, teacher, settings):
    tf = prepare_tensorflow(0)
    return float(mean_loss(tf, tf.constant(logits), tf.constant(teacher), settings))


@settings(deadline=None, max_examples=25)
@given(LOGITS, LOGITS, st.floats(0, 1), st.floats(0.5, 20))
def test_loss_is_the_papers(logits, teacher, alpha, temperature):
    hard = -log_softmax(logits)[np.arange(5), LABELS].mean()
    targets = np.exp(log_softmax(teacher / temperature))
    soft = -(targets * log_softmax(logits / temperature)).sum(axis=1).mean()
    expected = (1 - alpha) * hard + alpha * temperature**2 * soft
    given_loss = loss(logits, teacher, Distillation(alpha, temperature))
    assert given_loss == pytest.approx(expected, rel=1e-4, abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(LOGITS, LOGITS)
def test_without_alpha_it_is_cross_entropy(logits, teacher):
    expected = -log_softmax(logits)[np.arange(5), LABELS].mean()
    assert loss(logits, teacher, Distillation(0.0, 7.0)) == pytest.approx(
        expected, rel=1e-5, abs=1e-6
    )


@settings(deadline=None, max_examples=20)
@given(LOGITS, st.floats(1, 10))
def test_a_student_like_its_teacher_has_nothing_to_learn(logits, temperature):
    tf = prepare_tensorflow(0)
    student = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = mean_loss(tf, student, tf.constant(logits), Distillation(1.0, temperature))
    np.testing.assert_allclose(tape.gradient(value, student).numpy(), 0, atol=1e-5)


def test_gradients_keep_their_size_at_high_temperatures():
    tf = prepare_tensorflow(0)
    rng = np.random.default_rng(0)
    logits, teacher = rng.normal(size=(2, 5, 4)).astype(np.float32)
    norms = []
    for temperature in (20.0, 40.0):
        student = tf.Variable(logits)
        with tf.GradientTape() as tape:
            value = mean_loss(tf, student, tf.constant(teacher), Distillation(1.0, temperature))
        norms.append(np.linalg.norm(tape.gradient(value, student).numpy()))
    assert norms[0] == pytest.approx(norms[1], rel=0.05)
