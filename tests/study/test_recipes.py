"""The recipes of CONTRIBUTING.md, followed with the lines that they name and no others."""

import sys
import textwrap

import numpy as np
import pytest

from autotiny.networks.families import FAMILIES
from autotiny.runtimes.tflm import encodings
from autotiny.runtimes.tflm.encodings import Encoded
from autotiny.tasks import _load, checked_task

FAMILY = """
from autotiny.networks.families._base import Count, FamilyOptions
from autotiny.networks.graph import Network, chain
from autotiny.networks.layers import Dense

class WideOptions(FamilyOptions):
    units: Count = 20

def build_wide(options, input_shape, classes):
    return chain(input_shape, (Dense("hidden", options.units, activation="relu"),
 Dense("out", classes)))
"""
SPACE = """
description: One hidden layer.
family: wide
base: {units: 12}
training: {epochs: 2}
parameters:
  width: {low: 0.5, high: 1.0}
  epochs: 1
"""


@pytest.fixture
def package(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    return folder


def test_add_a_family(package, cli, monkeypatch):
    (package / "wide_family.py").write_text(textwrap.dedent(FAMILY))
    (package / "wide.yaml").write_text(SPACE)
    import wide_family

    monkeypatch.setitem(FAMILIES, "wide", (wide_family.WideOptions, wide_family.build_wide))
    code, out, err = cli("search", "--space", "wide.yaml", "--trials", "2", "--study", "s")
    assert (code, err) == (0, "")
    assert "wide, budget none" in out
    code, out, err = cli("export", "s", "--pick", "knee", "--out", "fw")
    assert (code, err) == (0, "")
    del sys.modules["wide_family"]


def test_a_family_that_is_not_there(package, refused):
    (package / "odd.yaml").write_text(SPACE.replace("wide", "odd"))
    sentence = refused("search", "--space", "odd.yaml")
    assert "family must be one of mlp, cnn, ds_cnn" in sentence
    assert "got 'odd'" in sentence


def test_add_a_task(folder, cli, monkeypatch):
    def load(seed):
        y = np.arange(300) % 3
        x = np.random.default_rng(seed).normal(0, 1, (300, 8)) + y[:, None]
        return checked_task("waves", (x, y), seed=seed)

    monkeypatch.setitem(_load._BUILT_IN, "waves", load)
    command = ("search", "--data", "waves", "--trials", "2", "--set", "training.epochs=1")
    code, out, err = cli(*command, "--set", "epochs=1")
    assert (code, err) == (0, "")
    assert "180 / 60 / 60 samples of 8, 3 classes" in out


def test_add_a_device(folder, cli):
    (folder / "mine.yaml").write_text("inherits: stm32l4r5zi\ntitle: Mine\nram_bytes: 64KB\n")
    code, out, err = cli("devices", "mine.yaml")
    assert (code, err) == (0, "")
    assert "65,536 B" in out
    code, out, err = cli("search", "--device", "mine.yaml", "--trials", "1", "--space", "mlp")
    assert (code, err) == (0, "")
    assert "RAM 65,536 B" in out


class Reversed:
    """Bytes from last to first: of no use, but an encoding."""

    name, needs_decode, gains_by_zeros, bounded = "reversed", False, False, True

    def refusal(self, weights):
        return "it is of no use"

    def sizes(self, weights):
        return (weights.size,)

    def encode(self, weights):
        return Encoded(weights.values.tobytes()[::-1])


def test_add_an_encoding(study, cli, monkeypatch):
    monkeypatch.setitem(encodings.ENCODINGS, "reversed", Reversed())
    code, _, err = cli("front", "tiny", "--device", "stm32l4r5zi")
    assert (code, err) == (0, "")
