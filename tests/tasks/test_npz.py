import io
import pickle
import zipfile

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.tasks import Task, load_task
from autotiny.tasks._assemble import TaskOptions

RNG = np.random.default_rng(0)
X = RNG.random((60, 5)).astype(np.float32)
Y = np.arange(60) % 3
TRAIN = {"x_train": X, "y_train": Y}


@pytest.fixture
def save(tmp_path):
    def write(arrays=None, content=None):
        path = tmp_path / "mine.npz"
        if content is not None:
            path.write_bytes(content)
        else:
            np.savez(path, **arrays)
        return str(path)

    return write


def refused(path, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        load_task(path, seed=0)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_train_alone_is_split(save):
    task = load_task(save(TRAIN), seed=0)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [36, 12, 12]
    assert task.class_names == ("0", "1", "2")
    assert task.name.endswith("mine.npz")


def test_each_pair_is_used_where_present(save):
    path = save({**TRAIN, "x_test": X[:7], "y_test": Y[:7]})
    task = load_task(path, seed=0)
    np.testing.assert_array_equal(task.test.x, X[:7])
    assert len(task.train) + len(task.validation) == 60
    assert len(task.validation) == pytest.approx(0.2 * 67, abs=2)


@pytest.mark.parametrize("names", [["a", "b", "c"], np.array([b"a", b"b", b"c"])])
def test_class_names(save, names):
    assert load_task(save({**TRAIN, "class_names": names}), seed=0).class_names == ("a", "b", "c")


def test_compressed_archive_and_other_arrays_are_fine(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **TRAIN, sample_ids=np.arange(60))
    assert load_task(str(path), seed=0).classes == 3


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"y_train": Y}, r"array called x_train \(or x\).*; got y_train"),
        ({"features": X}, r"labels in y_train \(or y\); got features"),
        ({}, "array called x_train .*; got none"),
        ({**TRAIN, "x_val": X}, "key y_val must be present; got x_train, x_val, y_train"),
        ({**TRAIN, "y_test": Y}, "key x_test must be present"),
        ({**TRAIN, "x_valid": X}, "names must be among x_train, .*; got x_valid"),
        ({**TRAIN, "x_train": X.astype(object)}, "pickled Python objects"),
        ({**TRAIN, "class_names": np.array(["a", "b", "c"], object)}, "pickled Python objects"),
        ({**TRAIN, "class_names": np.array([["a", "b", "c"]])}, "class_names must be a list"),
        ({**TRAIN, "class_names": np.array([0.5, 1.5, 2.5])}, "list of texts; got dtype float64"),
        ({**TRAIN, "y_train": Y + np.nan}, "Labels must be finite"),
    ],
)
def test_wrong_arrays(save, arrays, sentence):
    refused(save(arrays), sentence)


def archive():
    buffer = io.BytesIO()
    np.savez(buffer, **TRAIN)
    return buffer.getvalue()


def test_missing_file(tmp_path):
    refused(str(tmp_path / "none.npz"), "must be readable; got .*none.npz.*No such file")


def test_folder(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    refused(str(tmp_path / "folder.npz"), "must be readable; got .*folder.npz.*directory")


@pytest.mark.parametrize("path", ["a" * 5000 + ".npz", "null\0.npz", ".npz"])
def test_path_that_no_file_can_have(path):
    refused(path, "must be readable")


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", pickle.dumps([1, 2]), archive()[:-40], archive()[40:]],
    ids=["empty", "garbage", "pickle", "truncated", "beheaded"],
)
def test_not_an_archive(save, content):
    refused(save(content=content), "npz archive|readable")


def test_single_array_named_npz(save):
    buffer = io.BytesIO()
    np.save(buffer, X)
    refused(save(content=buffer.getvalue()), "must be an npz archive")


def test_member_that_is_no_array(save, tmp_path):
    path = save(TRAIN)
    with zipfile.ZipFile(path, "a") as added:
        added.writestr("x_val", b"text")
        added.writestr("y_val", b"text")
    refused(path, "damaged x_val")


def test_header_that_claims_petabytes(save):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }"
    header = header.ljust(117) + b"\n"
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("x_train.npy", npy)
    refused(save(content=buffer.getvalue()), "must be readable")


def test_no_damage_escapes(save):
    """Bytes changed at random: either a task or one sentence, never another exception."""
    good = bytearray(archive())
    rng = np.random.default_rng(0)
    refusals = 0
    for _ in range(400):
        bad = good.copy()
        for position in rng.integers(0, len(bad), rng.integers(1, 6)):
            bad[position] = rng.integers(256)
        try:
            assert isinstance(load_task(save(content=bytes(bad)), seed=0), Task)
        except InputError:
            refusals += 1
    assert refusals > 200


def test_samples_and_labels_may_be_called_x_and_y(save):
    short, long = (load_task(save(arrays), seed=3) for arrays in ({"x": X, "y": Y}, TRAIN))
    np.testing.assert_array_equal(short.train.x, long.train.x)
    np.testing.assert_array_equal(short.test.y, long.test.y)
    assert load_task(save({"x": X}), seed=0).goal.kind.name == "anomaly"


def test_short_names_beside_long_ones_are_refused(save):
    refused(save({**TRAIN, "x": X}), "array names must be among x_train")


def test_anomalies_in_a_training_split_beside_others_are_refused(save):
    path = save({**TRAIN, "y_train": Y % 2, "x_test": X, "y_test": Y % 2})
    with pytest.raises(InputError, match="must be normal, label 0; 20 are anomalies"):
        load_task(path, seed=0, options=TaskOptions(kind="anomaly"))
