"""Labels and layouts as they come: what they are taken for, and what can be said of them."""

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.tasks import TaskOptions, checked_task

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 12)).astype(np.float32)
Y = np.arange(60) % 3
NAMES = np.array(["idle", "wave", "shake"])


def task(y, x=X, **options):
    return checked_task("mine", (x, y), seed=0, options=TaskOptions(**options))


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (Y, ("0", "1", "2")),
        (Y.astype(np.float32), ("0", "1", "2")),
        (np.eye(3)[Y], ("0", "1", "2")),
        (Y + 1, ("1", "2", "3")),
        (NAMES[Y], ("idle", "shake", "wave")),
        (NAMES[Y].astype("S"), ("idle", "shake", "wave")),
        (NAMES[Y].astype(object), ("idle", "shake", "wave")),
        (Y > 0, ("0", "1")),
    ],
    ids=["whole", "whole floats", "one-hot", "from 1", "texts", "bytes", "objects", "Boolean"],
)
def test_classes_in_every_spelling(y, names):
    found = task(y)
    assert (found.goal.kind.name, found.class_names) == ("classification", names)
    assert found.goal.metric.name == "accuracy"
    assert found.train.y.dtype == np.int64
    every = np.concatenate([found.train.y, found.validation.y, found.test.y])
    assert set(every) == set(range(len(names)))
    assert "inferred from" in found.told[0]


def test_text_labels_keep_their_samples():
    found = task(NAMES[Y], np.repeat(Y[:, None], 12, 1).astype(np.float32))
    for split in (found.train, found.validation, found.test):
        assert [found.class_names[y] for y in split.y] == [NAMES[int(x[0])] for x in split.x]


def test_rows_of_zeros_and_ones_are_labels_and_real_values_a_regression():
    many = (RNG.random((60, 4)) < 0.5).astype(int)
    labels = task(many)
    assert (labels.goal.kind.name, labels.outputs, labels.train.y.dtype) == (
        "multi-label", 4, np.float32
    )  # fmt: skip
    assert labels.goal.metric.name == "macro_f1"
    real = task(RNG.normal(size=(60, 1)))
    assert (real.goal.kind.name, real.outputs, real.train.y.shape[1]) == ("regression", 1, 1)
    assert task(RNG.normal(size=(60, 2))).class_names == ("value0", "value1")
    # 65 whole values are measurements rather than classes.
    assert task(np.arange(60) * 3.0, kind="regression").goal.metric.name == "r2"


def test_samples_without_labels_are_normal():
    found = checked_task("mine", (X, None), seed=0)
    assert (found.goal.kind.name, found.outputs) == ("anomaly", 12)
    assert found.goal.metric.name == "reconstruction_error"
    mixed = (X[:20], Y[:20] == 0)
    labelled = checked_task("mine", (X, None), mixed, mixed, seed=0)
    assert labelled.goal.metric.name == "roc_auc"
    assert labelled.class_names == ("normal", "anomaly")


def test_what_a_user_says_outranks_what_labels_look_like():
    assert task(Y, kind="regression").goal.kind.name == "regression"
    assert task(np.eye(3)[Y], kind="multi-label").goal.kind.name == "multi-label"
    assert task(Y, metric="macro_f1").goal.metric.name == "macro_f1"
    weights = task(np.minimum(Y, 1), class_weights="balanced").goal.class_weights
    assert weights == pytest.approx((1.5, 0.75))


@pytest.mark.parametrize(
    ("y", "options", "sentence"),
    [
        (Y, {"kind": "clustering"}, "--task must be one of classification, multi-label"),
        (Y, {"metric": "r2"}, "--metric must be one of accuracy, .* classification; got 'r2'"),
        (Y, {"class_weights": "0.5"}, "--class-weights must be balanced"),
        (Y / 2, {"class_weights": "balanced"}, "need a task of classes; mine is regression"),
        (NAMES[Y], {"kind": "regression"}, "must be numbers; got texts"),
        (Y / 2, {"kind": "classification"}, "must be whole; got 0.5: .*--task regression"),
        (np.ones((60, 3)), {"kind": "classification"}, "one-hot rows; got rows with none"),
        (Y, {"kind": "multi-label"}, r"rows of 0 and 1, .*got shape \(60,\)"),
        (Y, {"kind": "anomaly"}, "0 for normal samples and 1"),
        (Y * 0 + 1, {"kind": "anomaly"}, "needs normal samples; got none"),
        (Y * 0, {"kind": "anomaly", "metric": "roc_auc"}, "has none labelled"),
        (Y, {"layout": "cube"}, "--layout must be one of vector, signal, image"),
        (Y, {"layout": "image"}, r"image must have shape \(n, height, width\).*got \(60, 12\)"),
    ],
)
def test_what_cannot_be_is_one_sentence(y, options, sentence):
    with pytest.raises(InputError, match=sentence):
        task(y, **options)


@pytest.mark.parametrize(
    ("shape", "dtype", "layout", "input_shape"),
    [
        ((64, 6), np.float32, "signal", (64, 1, 6)),
        ((187, 1), np.float32, "signal", (187, 1, 1)),
        ((8, 8), np.float32, "image", (8, 8, 1)),
        ((49, 10), np.float32, "image", (49, 10, 1)),
        ((64, 6), np.uint8, "image", (64, 6, 1)),
        ((12,), np.float32, "vector", (12,)),
        ((8, 8, 3), np.float32, "image", (8, 8, 3)),
    ],
)
def test_layouts_are_guessed_and_can_be_said(shape, dtype, layout, input_shape):
    found = task(Y, np.zeros((60, *shape), dtype))
    assert (found.layout, found.input_shape) == (layout, input_shape)
    assert any("layout" in sentence for sentence in found.told) == (len(shape) == 2)
    if len(shape) == 2:
        other = "image" if layout == "signal" else "signal"
        said = task(Y, np.zeros((60, *shape), dtype), layout=other)
        assert said.layout == other
        assert not any("layout" in sentence for sentence in said.told)


def test_texts_are_numbered_as_their_names_are_given():
    x = np.ones((20, 3), np.float32)
    y = np.array(["cat", "dog"] * 10)
    task = checked_task("mine", (x, y), class_names=("dog", "cat", "cow")[:2], seed=0)
    assert task.class_names == ("dog", "cat")
    every = np.concatenate([s.y for s in (task.train, task.validation, task.test)])
    assert (every == 1).sum() == 10
    turned = checked_task("mine", (x[:10], y[:10]), (x[:2], y[:2]), (x[:2], y[:2]),
                          class_names=("dog", "cat"), seed=0)  # fmt: skip
    np.testing.assert_array_equal(turned.test.y, [1, 0])
    with pytest.raises(InputError, match="'dog' is not among them"):
        checked_task("mine", (x, y), class_names=("cat", "cow"), seed=0)


def test_splits_of_different_labels_are_one_sentence():
    x, y = np.ones((20, 3), np.float32), np.arange(20) % 2
    with pytest.raises(InputError, match="Labels of all splits must have one form"):
        checked_task("mine", (x, np.eye(2)[y]), None, (x, y), seed=0)


def test_samples_without_labels_are_said_to_have_told_the_kind():
    task = checked_task("mine", (np.ones((20, 3), np.float32), None), seed=0)
    assert task.told[0] == "anomaly, inferred from training samples without labels"


def test_a_class_that_training_lacks_names_its_split():
    x, y = np.random.default_rng(0).random((30, 3), np.float32), np.arange(30) % 3
    with pytest.raises(InputError, match="y_val: Every class must occur in training; class 5"):
        checked_task("mine", (x, y), (x[:3], np.array([5, 6, 7])), seed=0)
