"""Results on disk: what is stored comes back, and what is damaged is computed again."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from autotiny.networks.graph import network_from_plain, network_to_plain
from autotiny.study.cache import StepCache
from autotiny.study.once import build_base_network
from autotiny.study.space_files import parse_space, read_space
from autotiny.tasks import load_task

KEY = {"data": "abc", "seed": 3, "shape": [1, 2]}
ARRAYS = {"weights/a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2)}


@pytest.fixture
def cache(tmp_path):
    made = StepCache(tmp_path / "cache")
    made.store("base", KEY, ARRAYS, {"score": 0.1})
    return made


def test_what_is_stored_comes_back(cache):
    arrays, facts = cache.load("base", KEY)
    assert facts == {"score": 0.1}
    assert arrays.keys() == ARRAYS.keys()
    assert all((arrays[name] == ARRAYS[name]).all() for name in ARRAYS)
    assert cache.load("base", KEY | {"seed": 4}) is None
    assert cache.load("other", KEY) is None
    assert sorted(path.suffix for path in cache.folder.iterdir()) == [".json", ".npz"]


@settings(max_examples=20, deadline=None)
@given(arrays(np.float32, array_shapes(), elements=st.floats(width=32)), st.floats())
def test_every_bit_comes_back(tmp_path_factory, array, number):
    cache = StepCache(tmp_path_factory.mktemp("cache"))
    cache.store("base", KEY, {"a": array}, number)
    found, facts = cache.load("base", KEY)
    assert found["a"].tobytes() == array.tobytes()
    assert facts == number or number != number


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:-9], lambda c: c + b"x"])
def test_damaged_files_are_computed_again(cache, suffix, damage):
    (path,) = cache.folder.glob(f"*{suffix}")
    path.write_bytes(damage(path.read_bytes()))
    assert cache.load("base", KEY) is None


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("code of a cache was run",))


def test_pickles_are_not_read(cache):
    """Also where somebody has made the JSON vouch for one."""
    import hashlib
    import io

    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([Evil()], object))
    for content in (buffer.getvalue(), pickle.dumps(Evil())):
        (path,) = cache.folder.glob("*.npz")
        path.write_bytes(content)
        told = path.with_suffix(".json")
        stored = json.loads(told.read_text()) | {"arrays": hashlib.sha256(content).hexdigest()}
        told.write_text(json.dumps(stored))
        assert cache.load("base", KEY) is None


@pytest.mark.parametrize("name", ["mlp", "cnn", "ds_cnn"])
def test_networks_come_back(name):
    network = build_base_network(load_task("digits", seed=0), parse_space(read_space(name), name))
    assert network_from_plain(json.loads(json.dumps(network_to_plain(network)))) == network
