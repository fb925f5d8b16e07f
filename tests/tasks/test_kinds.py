"""Every kind of task keeps one contract; a new one joins by a line in ``SAMPLES``."""

import math

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.tasks import checked_task
from autotiny.tasks._assemble import TaskOptions
from autotiny.tasks.kinds import KINDS
from autotiny.tasks.metrics import METRICS
from autotiny.tensorflow_setup import prepare_tensorflow

RNG = np.random.default_rng(1)
N = 40
X = RNG.normal(size=(N, 3, 2)).astype(np.float32)
CLASSES = np.arange(N) % 3
#: Kind to targets, outputs that are right, and outputs that know nothing.
SAMPLES = {
    "classification": [
        (CLASSES, 8 * np.eye(3)[CLASSES], RNG.normal(size=(N, 3))),
        (CLASSES % 2, 8.0 * (CLASSES[:, None] % 2) - 4, RNG.normal(size=(N, 1))),
    ],
    "multi-label": [
        (
            (labels := (RNG.random((N, 4)) < 0.5).astype(np.float32)),
            12 * labels - 6,
            RNG.normal(size=(N, 4)),
        )
    ],
    "regression": [
        ((y := RNG.normal(3, 2, (N, 2)).astype(np.float32)), y, RNG.normal(size=(N, 2)))
    ],
    "anomaly": [
        (
            np.arange(N) % 2,
            X.reshape(N, -1) + (np.arange(N) % 2)[:, None],
            RNG.normal(size=(N, 6)),
        )
    ],
}
CASES = [
    pytest.param(KINDS[name], *(np.asarray(a, np.float32) if i else a for i, a in enumerate(case)))
    for name, cases in SAMPLES.items()
    for case in cases
]


def test_every_kind_and_metric_is_held_to_the_contract():
    assert set(SAMPLES) == set(KINDS)
    used = {name for kind in KINDS.values() for name in kind.metrics}
    assert used == set(METRICS)


@pytest.mark.parametrize(("kind", "y", "right", "wrong"), CASES)
def test_metrics_tell_right_from_wrong(kind, y, right, wrong):
    for name in kind.metrics:
        metric = METRICS[name]
        good, bad = (kind.score(metric, outputs, X, y) for outputs in (right, wrong))
        assert metric.quality(good) > metric.quality(bad), name
        assert metric.quality(metric.worst) < metric.quality(good)
        assert math.isfinite(good)


@pytest.mark.parametrize(("kind", "y", "right", "wrong"), CASES)
def test_losses_are_one_a_sample_and_small_where_it_is_right(kind, y, right, wrong):
    tf = prepare_tensorflow(0)
    targets = kind.targets(X, y)
    if kind.name == "anomaly":
        right = targets
    losses = [kind.loss(tf, tf.constant(o), tf.constant(targets)).numpy() for o in (right, wrong)]
    assert losses[0].shape == losses[1].shape == (N,)
    assert losses[0].mean() < losses[1].mean()
    taught = kind.distillation(tf, tf.constant(wrong), tf.constant(right), 2.0).numpy()
    itself = kind.distillation(tf, tf.constant(right), tf.constant(right), 2.0).numpy()
    assert taught.shape == (N,)
    assert itself.mean() < taught.mean()


@pytest.mark.parametrize(("kind", "y", "right", "wrong"), CASES)
def test_divergence_is_nothing_of_itself_and_grows(kind, y, right, wrong):
    assert kind.divergence(wrong, wrong) == pytest.approx(0, abs=1e-6)
    steps = [kind.divergence(wrong, wrong + size * RNG.normal(size=wrong.shape).astype(np.float32))
             for size in (0.01, 0.1, 1.0)]  # fmt: skip
    assert 0 < steps[0] < steps[1] < steps[2]


def test_confusion_counts_every_sample_and_recall_is_its_diagonal():
    kind = KINDS["classification"]
    y, outputs = CLASSES, np.eye(3, dtype=np.float32)[np.where(CLASSES == 1, 0, CLASSES)]
    facts = kind.facts(outputs, X, y, ("a", "b", "c"))
    assert np.sum(facts["confusion"]) == N
    assert facts["recall"] == {"a": 1.0, "b": 0.0, "c": 1.0}
    balanced = kind.score(METRICS["balanced_accuracy"], outputs, X, y)
    assert balanced == pytest.approx(2 / 3)


def test_threshold_of_anomalies_parts_them_or_leaves_one_in_a_hundred():
    kind = KINDS["anomaly"]
    flat = X.reshape(N, -1)
    y = np.arange(N) % 2
    threshold = kind.threshold(flat + 2 * y[:, None], X, y)
    errors = kind.values(flat + 2 * y[:, None], X)
    assert ((errors > threshold) == y).all()
    noisy = flat + RNG.normal(size=flat.shape).astype(np.float32)
    normal = kind.threshold(noisy, X, y * 0)
    assert 0 < (kind.values(noisy, X) > normal).sum() <= 1


def test_anomalies_among_all_samples_go_to_what_is_split_off():
    rng = np.random.default_rng(0)
    x, y = rng.random((100, 4), np.float32), np.array(["OK"] * 80 + ["broken"] * 12 + ["odd"] * 8)
    order = rng.permutation(100)
    options = TaskOptions(kind="anomaly")
    task = checked_task("mine", (x[order], y[order]), seed=1, options=options)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [48, 26, 26]
    assert [int(s.y.sum()) for s in (task.train, task.validation, task.test)] == [0, 10, 10]
    assert "OK is normal" in task.told[0]
    every = np.concatenate([s.x for s in (task.train, task.validation, task.test)])
    assert len(np.unique(every, axis=0)) == 100
    again = checked_task("mine", (x[order], y[order]), seed=1, options=options)
    np.testing.assert_array_equal(again.test.x, task.test.x)


def test_texts_that_call_nothing_normal_are_refused():
    x, y = np.ones((20, 3), np.float32), np.array(["a", "b"] * 10)
    with pytest.raises(InputError, match=r"one is good, .*; got a, b\."):
        checked_task("mine", (x, y), seed=0, options=TaskOptions(kind="anomaly"))


def test_values_of_very_different_size_are_told():
    rng = np.random.default_rng(0)
    x, y = rng.random((50, 3), np.float32), rng.random((50, 2)) * (1000, 1)
    assert "value1 will be lost" in checked_task("mine", (x, y), seed=0).told[-1]
    assert len(checked_task("mine", (x, y / (1000, 1)), seed=0).told) == 1


def test_an_anomaly_detection_is_tested_on_anomalies():
    rng = np.random.default_rng(0)
    train, val = rng.random((60, 4), np.float32), rng.random((40, 4), np.float32)
    y = np.arange(40) % 4 == 0
    task = checked_task("mine", (train, None), (val, y.astype(int)), seed=0)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [60, 20, 20]
    assert [int(s.y.sum()) for s in (task.validation, task.test)] == [5, 5]
