import os
import threading

import numpy as np
import pytest
from helpers_tflite import ModelBuilder, conv, dense, small_cnn, softmax

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes.tflm import interpreter
from autotiny.runtimes.tflm.worker import Worker


def _samples(count, shape=(8, 8, 1), dtype=np.int8, seed=0):
    return np.random.default_rng(seed).integers(-100, 100, (count, *shape)).astype(dtype)


def test_worker_and_this_process_give_the_same_bits():
    data, samples = small_cnn(), _samples(20)
    here = interpreter.outputs(data, samples, trusted=True)
    assert here.shape == (20, 10)
    assert here.dtype == np.int8
    assert len(np.unique(here, axis=0)) > 1
    np.testing.assert_array_equal(here, interpreter.outputs(data, samples))
    assert interpreter.recorded_arena(data) == interpreter.recorded_arena(data, trusted=True)


def test_no_samples_give_no_outputs():
    assert interpreter.outputs(small_cnn(), _samples(0), trusted=True).shape == (0, 10)


@pytest.mark.parametrize(("kind", "dtype"), [("int16", np.int16), ("float32", np.float32)])
def test_other_types_run(kind, dtype):
    b = ModelBuilder()
    x = b.tensor([1, 6], kind)
    if kind == "int16":
        y = dense(b, x, 3, activation="int16")
    else:
        w, c = b.constant([3, 6], kind), b.constant([3], kind)
        y = b.tensor([1, 3], kind)
        b.operator("FULLY_CONNECTED", [x, w, c], [y], "FullyConnectedOptions")
    result = interpreter.outputs(b.finish([x], [y]), _samples(4, (6,), dtype))
    assert result.dtype == dtype
    assert result.shape == (4, 3)


def test_states_start_afresh_for_every_sample():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    features, time = b.constant([4, 8]), b.constant([4, 2], "int16")
    bias = b.constant([4], "int32", scales=[0.0025])
    state, y = b.tensor([1, 8], "int16", variable=True), b.tensor([1, 4])
    b.operator("SVDF", [x, features, time, bias, state], [y], "SVDFOptions", rank=1)
    sample = _samples(1, (8,))
    result = interpreter.outputs(b.finish([x], [y]), np.repeat(sample, 3, axis=0), trusted=True)
    assert (result == result[0]).all()


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (_samples(2, (4, 4, 1)), r"\(8, 8, 1\); got \(4, 4, 1\)"),
        (_samples(2).astype(np.float32), "int8 inputs; got float32"),
        (np.int8(3), "shape"),
    ],
)
def test_wrong_samples_are_refused(samples, reason):
    with pytest.raises(InputError, match=reason):
        interpreter.outputs(small_cnn(), np.asarray(samples))


def test_two_inputs_are_refused():
    b = ModelBuilder()
    x, y, z = (b.tensor([1, 4]) for _ in range(3))
    b.operator("ADD", [x, y], [z], "AddOptions")
    with pytest.raises(InputError, match="one input"):
        interpreter.outputs(b.finish([x, y], [z]), _samples(1, (4,)))


def _unknown_operator():
    b = ModelBuilder()
    x, y = b.tensor([1, 4]), b.tensor([1, 4])
    b.operator("CUSTOM", [x], [y], custom="NO_SUCH_OPERATOR")
    return b.finish([x], [y])


@pytest.mark.parametrize("trusted", [True, False])
def test_tflms_own_words_become_the_error(trusted, capfd):
    with pytest.raises(UnsupportedModelError, match="NO_SUCH_OPERATOR"):
        interpreter.recorded_arena(_unknown_operator(), trusted=trusted)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_standard_error_is_given_back(capfd):
    interpreter.recorded_arena(small_cnn(), trusted=True)
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_threads_do_not_mix_their_measurements():
    b = ModelBuilder()
    x = b.tensor([1, 16, 16, 4])
    models = [small_cnn(), b.finish([x], [softmax(b, dense(b, conv(b, x, 8), 4))])]
    expected = [interpreter.recorded_arena(model, trusted=True) for model in models]
    failures = []

    def measure(index):
        for _ in range(10):
            if interpreter.recorded_arena(models[index], trusted=True) != expected[index]:
                failures.append(index)

    threads = [threading.Thread(target=measure, args=(i % 2,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_worker_that_dies_is_an_error_and_is_replaced():
    worker = Worker()
    data = small_cnn()
    try:
        first = worker.recorded_arena(data)
        process = worker._process
        assert process is not None
        # A process that ends in the middle of a request is what a fault looks like from outside.
        process.kill()
        process.wait()
        assert worker.recorded_arena(data) == first
        assert worker._process is not process
    finally:
        worker.close()


def test_a_model_that_kills_the_interpreter_is_an_error_and_the_next_one_runs():
    b = ModelBuilder()
    x, y = b.tensor([1, 8]), b.tensor([1, 8], scales=(1 / 256,), zero_points=(-128,))
    b.operator("SOFTMAX", [x], [y], "SoftmaxOptions", beta=float("nan"))
    fatal = b.finish([x], [y])  # the kernel checks beta with an assertion that aborts
    for _ in range(2):
        with pytest.raises(UnsupportedModelError, match="crashed on it"):
            interpreter.recorded_arena(fatal)
    assert interpreter.recorded_arena(small_cnn())[0] > 0


def test_a_worker_that_takes_too_long_is_an_error():
    worker = Worker(timeout_s=0.0)
    try:
        with pytest.raises(UnsupportedModelError, match="did not finish"):
            worker.recorded_arena(small_cnn())
    finally:
        worker.close()
