"""Each in a process of its own, whose home, and so whose Keras cache, is a test's folder."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pytest

CODE = """
from autotiny.errors import InputError
from autotiny.tasks import load_task
try:
    task = load_task({name!r}, seed=0)
    print(task.input_shape, [len(s) for s in (task.train, task.validation, task.test)])
    print(task.train.x.min(), task.train.x.max(), task.class_names[9])
except InputError as error:
    print("refused:", error)
"""


def run(name, home):
    nowhere = "http://127.0.0.1:9"  # the discard port: a download fails at once, offline or not
    env = {**os.environ, "HOME": str(home), "http_proxy": nowhere, "https_proxy": nowhere}
    env = {k: v for k, v in env.items() if k.lower() != "no_proxy"}
    code = CODE.format(name=name)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_offline_is_one_sentence_that_says_what_to_do(name, tmp_path):
    out = run(name, tmp_path)
    assert out.startswith(f"refused: {name} must be downloadable or already at ~/.keras/datasets/")
    assert "FILE.npz" in out
    assert out.count("\n") == 1


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes())


def test_cached_set_is_scaled_and_split(tmp_path):
    folder = tmp_path / ".keras" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 200), ("t10k", 40)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 3, 4] = 255
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
    assert run("fashion_mnist", tmp_path).splitlines() == [
        "(28, 28, 1) [150, 50, 40]",
        "0.0 1.0 ankle boot",
    ]
