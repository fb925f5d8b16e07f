"""Models for the C runtime, and what compiles them."""

import os

import numpy as np
import pytest

from autotiny.lowering import activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.runtimes.c.host import host_compiler, run_on_host
from autotiny.runtimes.tflm.interpreter import outputs
from autotiny.tflite.reader import read_model

SANITISED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="session")
def compiler():
    """The command of a C compiler; a missing one skips, or fails where it must be there."""
    found = host_compiler()
    if found is None and os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
        pytest.fail("there is no C compiler and AUTOTINY_REQUIRE_TOOLCHAIN=1")
    return found or pytest.skip("there is no C compiler")


class Helpers:
    """Functions for test files that are imported by path."""

    sanitised = SANITISED

    @staticmethod
    def lowered(network, weights, samples, plan=None):
        """Return the int8 model of a network."""
        network, weights = fold_batch_norm(network, weights)
        return lower(network, weights, plan or {}, activation_ranges(network, weights, samples))

    @staticmethod
    def inputs(model, count, seed=0):
        """Return random int8 samples of a model's input shape."""
        parsed = read_model(model)
        shape = parsed.tensors[parsed.inputs[0]].shape[1:]
        return np.random.default_rng(seed).integers(-128, 128, (count, *shape)).astype(np.int8)

    @staticmethod
    def same_bits(model, source, compiler, count=20, flags=SANITISED):
        """Hold a model's compiled code against TFLM, sanitised."""
        x = Helpers.inputs(model, count)
        got = run_on_host(source, x, compiler=compiler, flags=flags)
        np.testing.assert_array_equal(got, outputs(model, x).reshape(got.shape))


@pytest.fixture(scope="session")
def engine():
    return Helpers
