import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotiny.errors import InputError
from autotiny.tasks import checked_task
from autotiny.tasks._splits import stratified_parts

RNG = np.random.default_rng(0)
X = RNG.random((60, 6, 5)).astype(np.float32)
Y = np.arange(60) % 3


def changed(array, index, value, dtype=None):
    copy = array.astype(dtype or array.dtype)
    copy[index] = value
    return copy


#: What is given -> what the sentence says.
BROKEN = {
    "NaN": ({"train": (changed(X, (7, 1, 1), np.nan), Y)}, r"finite .* nan in sample 7 \(1 of 60"),
    "infinite": ({"train": (changed(X, 3, -np.inf), Y)}, "x_train.* -inf in sample 3"),
    "too large": ({"train": (changed(X, 3, 1e300, float), Y)}, "x_train.*finite float32.* inf in"),
    "NaN in test": ({"train": (X, Y), "test": (changed(X, 0, np.nan), Y)}, "x_test.* nan in"),
    "text": ({"train": (X.astype(str), Y)}, "real numbers.* dtype <U"),
    "complex": ({"train": (X.astype(complex), Y)}, "real numbers.* dtype complex128"),
    "objects": ({"train": (X.astype(object), Y)}, "real numbers.* dtype object"),
    "ragged": ({"train": ([[1.0], [1.0, 2.0]], [0, 1])}, "x_train: the array must be rectangular"),
    "rank 1": ({"train": (X[:, 0, 0], Y)}, r"\(n, features\).* got shape \(60,\)"),
    "rank 5": ({"train": (X[..., None, None], Y)}, r"got shape \(60, 6, 5, 1, 1\)"),
    "rank 0": ({"train": (1.0, 0)}, r"got shape \(\)"),
    "empty": ({"train": (X[:0], Y[:0])}, r"x_train.*at least one sample.*\(0, 6, 5\)"),
    "no features": ({"train": (X[:, :0], Y)}, r"at least one sample and one feature.*\(60, 0, 5\)"),
    "empty test": ({"train": (X, Y), "test": (X[:0], Y[:0])}, "x_test.*at least one sample"),
    "lengths": ({"train": (X, Y[:-1])}, "train.*same length; got 60 samples and 59 labels"),
    "label scalar": ({"train": (X, 1)}, r"y_train.*got shape \(\)"),
    "rank of labels": ({"train": (X, np.zeros((60, 2, 2)))}, r"\(n, values\); got shape \(60, 2"),
    "NaN labels": ({"train": (X, changed(Y, 0, np.nan, float))}, "Labels must be finite"),
    "object labels": ({"train": (X, np.array([None] * 60))}, "must be texts, .*dtype object"),
    "one class": ({"train": (X, Y * 0 + 1)}, "at least two classes; got only class 1"),
    "negative": ({"train": (X, Y - 1)}, "from 0 .* got label -1"),
    "beyond names": (
        {"train": (X, Y), "class_names": ["a", "b"]},
        "number of class names; got label 2 with 2 class names",
    ),
    "beyond in val": (
        {"train": (X, Y), "validation": (X, Y + 1), "class_names": "abc"},
        "y_val.*got label 3 with 3",
    ),
    "huge label": ({"train": (X, changed(Y, 0, 2**62))}, "no training sample of class 3"),
    "huge unsigned": (
        {"train": (X, changed(Y, 0, 2**63 + 1, np.uint64)), "class_names": "abc"},
        "label 9223372036854775809",
    ),
    "gap": ({"train": (X, Y * 2)}, r"no training sample of class 1 \(3 of 5"),
    "starts at 2": ({"train": (X, Y + 2)}, "no training sample of class 0"),
    "only in test": ({"train": (X, Y), "test": (X, Y + 1)}, "y_test: .*; class 3 does not"),
    "named only": ({"train": (X, Y), "class_names": "abcd"}, r"of class 3 \(3 of 4"),
    "shapes differ": (
        {"train": (X, Y), "test": (X[:, :4], Y)},
        r"x_test.*sample shape of training; got \(4, 5\) beside \(6, 5\)",
    ),
    "scaling differs": (
        {"train": (X, Y), "validation": (X.astype(np.uint8), Y)},
        "x_val.*uint8 beside float32 in training",
    ),
    "too few": (
        {"train": (X, changed(Y, slice(2), 3))},
        "enough training samples.* got 2 of class 3, where 3 are needed",
    ),
    "small beside test": (
        {"train": (X[:6], Y[:6]), "test": (X, Y)},
        "got 2 of class 0, where 5 are needed",
    ),
    "same names": ({"train": (X, Y), "class_names": ["a", "b", "a"]}, "distinct.* got 'a'"),
    "empty name": ({"train": (X, Y), "class_names": ["a", "", "b"]}, "non-empty.* got ''"),
    "one name": ({"train": (X, Y), "class_names": ["a"]}, "at least two; got 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_rule_is_one_sentence(case):
    given, sentence = BROKEN[case]
    with pytest.raises(InputError, match=sentence) as error:
        checked_task("mine", **given, seed=0)
    assert str(error.value).startswith("mine: ")
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_planes_get_a_channel_axis():
    assert checked_task("mine", (X, Y), seed=0).input_shape == (6, 5, 1)


def test_vectors_and_images_keep_their_shape():
    assert checked_task("mine", (X[:, 0], Y), seed=0).input_shape == (5,)
    assert checked_task("mine", (X.reshape(60, 2, 3, 5), Y), seed=0).input_shape == (2, 3, 5)


def test_column_of_labels_is_accepted():
    column = checked_task("mine", (X, Y[:, np.newaxis]), seed=0)
    assert column.fingerprint == checked_task("mine", (X, Y), seed=0).fingerprint


def test_only_uint8_is_scaled():
    pixels = RNG.integers(0, 256, (60, 4, 4))
    pixels[:3, 0, 0] = 255
    as_image = checked_task("mine", *3 * [(pixels.astype(np.uint8), Y)], seed=0)
    np.testing.assert_allclose(as_image.train.x[..., 0], pixels / 255, rtol=1e-6)
    as_counts = checked_task("mine", *3 * [(pixels.astype(np.int16), Y)], seed=0)
    np.testing.assert_array_equal(as_counts.train.x[..., 0], pixels)


def test_given_splits_stay_as_they_are():
    task = checked_task("mine", (X, Y), (X[:9], Y[:9]), (X[9:21], Y[9:21]), seed=0)
    np.testing.assert_array_equal(task.train.x[..., 0], X)
    np.testing.assert_array_equal(task.validation.y, Y[:9])
    np.testing.assert_array_equal(task.test.x[..., 0], X[9:21])


@pytest.mark.parametrize("missing", ["validation", "test"])
def test_missing_split_takes_a_fifth_of_all_samples_off_training(missing):
    given = {"validation": (X[:20], Y[:20]), "test": (X[:20], Y[:20])}
    del given[missing]
    task = checked_task("mine", (X, Y), **given, seed=0)
    assert len(getattr(task, missing)) == pytest.approx(0.2 * 80, abs=2)
    assert len(task.train) + len(getattr(task, missing)) == 60


def test_caller_keeps_its_arrays():
    before = X.copy()
    task = checked_task("mine", *3 * [(X, Y)], seed=0)
    task.train.x[:] = 0
    np.testing.assert_array_equal(X, before)


@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=6),
    share=st.floats(0.01, 0.3),
    seed=st.integers(0, 2**32),
)
def test_parts_are_disjoint_complete_and_stratified(counts, share, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    parts = stratified_parts(y, share, 2, seed)
    assert sorted(np.concatenate(parts)) == list(range(len(y)))
    for part in parts[1:]:
        for label, count in enumerate(counts):
            assert np.sum(y[part] == label) == max(1, round(share * count))
    again = stratified_parts(y, share, 2, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
