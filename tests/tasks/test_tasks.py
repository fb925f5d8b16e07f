"""What every task must be: a new one joins by one line in ``TASKS``."""

import subprocess
import sys

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.tasks import Task, keras_datasets, load_task, task_names

#: Built-in tasks that need no download, with samples, input shape and classes.
TASKS = {
    "digits": (1797, (8, 8, 1), 10),
    "tones": (2400, (49, 10, 1), 12),
}


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    return load_task(request.param, seed=0)


def test_every_built_in_task_is_tested():
    assert set(task_names()) == set(TASKS) | set(keras_datasets.CLASS_NAMES)


def splits(task: Task):
    return task.train, task.validation, task.test


def rows(task: Task):
    return [{sample.tobytes() for sample in split.x} for split in splits(task)]


def test_shape_and_types(task):
    samples, shape, classes = TASKS[task.name]
    assert sum(map(len, splits(task))) == samples
    assert task.input_shape == shape
    assert task.classes == classes
    for split in splits(task):
        assert split.x.dtype == np.float32
        assert split.y.dtype == np.int64
        assert split.x.shape == (len(split.y), *shape)
        assert np.isfinite(split.x).all()


def test_split_is_60_20_20_and_every_split_holds_every_class_in_proportion(task):
    samples, _, classes = TASKS[task.name]
    for split, share in zip(splits(task), (0.6, 0.2, 0.2), strict=True):
        assert len(split) == pytest.approx(share * samples, rel=0.01)
        counts = np.bincount(split.y, minlength=classes)
        assert counts.max() - counts.min() <= 0.1 * counts.mean() + 2


def test_splits_do_not_overlap(task):
    train, validation, test = rows(task)
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_classes_are_mixed_so_that_the_first_samples_are_representative(task):
    assert len(np.unique(task.train.y[:100])) == task.classes


def test_one_seed_gives_one_task_and_another_seed_another(task):
    assert load_task(task.name, seed=0).fingerprint == task.fingerprint
    assert load_task(task.name, seed=1).fingerprint != task.fingerprint


def test_fingerprint_is_the_same_in_another_process(task):
    code = (
        f"from autotiny.tasks import load_task; print(load_task({task.name!r}, seed=0).fingerprint)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == task.fingerprint


def test_digits_are_scaled_to_one():
    x = load_task("digits", seed=0).train.x
    assert x.min() == 0
    assert x.max() == 1


def test_tones_need_more_than_a_linear_model():
    from sklearn.linear_model import RidgeClassifier

    task = load_task("tones", seed=0)
    flat = [split.x.reshape(len(split), -1) for split in splits(task)]
    linear = RidgeClassifier(alpha=300).fit(flat[0], task.train.y)
    assert 1.5 / task.classes < linear.score(flat[1], task.validation.y) < 0.7


@pytest.mark.parametrize("spec", ["digitz", "", "data.csv", "images/"])
def test_unknown_spec_lists_what_is_allowed(spec):
    with pytest.raises(InputError) as error:
        load_task(spec, seed=0)
    for allowed in (*task_names(), "FILE.npz", "package.module:function", repr(spec)):
        assert allowed in str(error.value)


def test_unknown_spec_suggests_a_close_name():
    with pytest.raises(InputError, match="did you mean digits"):
        load_task("digit", seed=0)


def test_importing_tasks_loads_no_framework():
    code = (
        "import sys, autotiny.tasks; "
        "print({'tensorflow', 'sklearn', 'optuna', 'tf_keras', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
