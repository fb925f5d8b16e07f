"""Scores of the artifact itself."""

import numpy as np
import pytest
from helpers_networks import blobs, family_network, random_samples, random_weights
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autotiny.evaluation import (
    Outputs,
    Quantisation,
    device_score,
    io_quantisation,
    litert_outputs,
)
from autotiny.lowering import activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.runtimes import get_runtime
from autotiny.tasks import CLASSIFY, Split
from autotiny.tasks.kinds._numeric import mean_kl_divergence

LOGITS = arrays.arrays(np.float32, (6, 4), elements=st.floats(-50, 50, width=32))


@pytest.fixture(scope="module")
def model():
    network = family_network("cnn")
    folded, weights = fold_batch_norm(network, random_weights(network))
    ranges = activation_ranges(folded, weights, random_samples(network, 64))
    return lower(folded, weights, {}, ranges)


@given(st.integers(-128, 127), st.floats(2**-10, 4, width=32), st.integers(-128, 127))
def test_integers_survive_the_way_there_and_back(value, scale, zero_point):
    quantisation = Quantisation(scale, zero_point)
    q = np.array([value], np.int8)
    np.testing.assert_array_equal(quantisation.quantise(quantisation.dequantise(q)), q)


def test_halves_go_to_even_and_large_values_saturate():
    quantisation = Quantisation(0.5, 1)
    x = np.array([0.25, 0.75, -0.25, -0.75, 1e9, -1e9], np.float32)
    np.testing.assert_array_equal(quantisation.quantise(x), [1, 3, 1, -1, 127, -128])


def test_of_equal_outputs_the_first_counts():
    outputs = Outputs(*(np.array([[3, 3], [1, 2]], kind) for kind in (np.int8, np.float32)))
    assert CLASSIFY.score(outputs.real, Split(outputs.real, np.array([0, 1]))) == 1.0
    assert CLASSIFY.score(outputs.real, Split(outputs.real, np.array([1, 1]))) == 0.5


@pytest.mark.parametrize("count", [1, 255, 256, 257, 600])
def test_batches_give_what_single_samples_give(model, count):
    network = family_network("cnn")
    x = random_samples(network, count)
    together = litert_outputs(model, x)
    assert together.quantised.shape == together.real.shape == (count, 4)
    for row in {0, count // 2, count - 1}:
        np.testing.assert_array_equal(litert_outputs(model, x[row : row + 1]).quantised[0],
                                      together.quantised[row])  # fmt: skip
    target = io_quantisation(model)[1]
    np.testing.assert_array_equal(target.dequantise(together.quantised), together.real)


def test_device_score_is_that_of_tflm(model):
    split = blobs((8, 7, 2), 4, 60)
    runtime = get_runtime("tflm")
    source, _ = io_quantisation(model)
    device = runtime.outputs(model, source.quantise(split.x)).argmax(axis=1)
    assert device_score(runtime, model, model, split, CLASSIFY) == (device == split.y).mean()


@given(LOGITS, LOGITS)
def test_divergence_is_never_negative_and_matches_its_definition(p, q):
    def softmax(x):
        e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    divergence = mean_kl_divergence(p, q)
    assert divergence >= -1e-9
    assert mean_kl_divergence(p, p) == pytest.approx(0, abs=1e-12)
    a, b = softmax(p), softmax(q)
    expected = (a * (np.log(a) - np.log(b))).sum(axis=1).mean()
    assert divergence == pytest.approx(expected, rel=1e-6, abs=1e-9)
