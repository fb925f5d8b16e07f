import sys

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.tasks import load_task

SOURCE = """
import numpy as np
from autotiny.tasks import Split, Task, checked_task

X, Y = np.random.default_rng(0).random((60, 5)), np.arange(60) % 3
SPLIT = Split(X.astype("float32"), Y)

def plain():
    return checked_task("data", (X, Y), seed=0)

def seeded(*, seed):
    return checked_task("data", (X, Y), seed=seed)

def default(rows=60, **options):
    return checked_task("data", (X[:rows], Y[:rows]), seed=0)

def by_hand():
    return Task("data", SPLIT, SPLIT, SPLIT, ("a", "b", "c"))

def with_nan():
    return Task("data", Split(X * np.nan, Y), SPLIT, SPLIT, ("a", "b", "c"))

def tuples():
    return Task("data", SPLIT, (X, Y), SPLIT, ("a", "b", "c"))

def needs(path):
    return plain()

def fails():
    raise ValueError("no such\\ncolumn")

def wrong():
    return X, Y

def weighted():
    from autotiny.tasks import Goal
    from autotiny.tasks.kinds import KINDS
    from autotiny.tasks.metrics import METRICS
    goal = Goal(KINDS["classification"], METRICS["macro_f1"], (1.0, 5.0, 2.0))
    return Task("data", SPLIT, SPLIT, SPLIT, ("a", "b", "c"), goal)

constant = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "my_data_package").mkdir()
    (tmp_path / "my_data_package" / "source.py").write_text(SOURCE)
    (tmp_path / "my_data_package" / "broken.py").write_text("import nothing_by_this_name")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield
    assert sys.path == before
    for name in [name for name in sys.modules if name.startswith("my_data_package")]:
        del sys.modules[name]


def load(function, seed=0):
    return load_task(f"my_data_package.source:{function}", seed=seed)


def test_task_of_a_function_is_named_by_its_spec():
    assert load("plain").name == "my_data_package.source:plain"
    assert load("default").classes == 3


def test_seed_is_passed_where_accepted():
    assert load("seeded", 1).fingerprint != load("seeded", 2).fingerprint
    assert load("plain", 1).fingerprint == load("plain", 2).fingerprint


def test_task_made_by_hand_is_checked():
    assert load("by_hand").class_names == ("a", "b", "c")
    with np.errstate(all="ignore"), pytest.raises(InputError, match=r"x_train: .*finite.*nan"):
        load("with_nan")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("my_data_package.source:none", "must be a function .*no such name"),
        ("my_data_package.source:constant", "must be a function .*got a int"),
        ("my_data_package.source:needs", "no argument but seed; got path"),
        ("my_data_package.source:fails", "must return a task; got ValueError: no such column"),
        ("my_data_package.source:wrong", "must return an autotiny.tasks.Task; got tuple"),
        ("my_data_package.source:tuples", "validation must be an autotiny.tasks.Split; got tuple"),
        ("my_data_package.absent:load", "must be importable.*No module named"),
        ("my_data_package.broken:load", "importable.*nothing_by_this_name"),
        ("my_data_package.source:", "written package.module:function"),
        (":load", "written package.module:function"),
        ("a b:load", "written package.module:function"),
        ("https://example.org/x", "written package.module:function"),
    ],
)
def test_wrong_function(spec, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        load_task(spec, seed=0)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_metric_and_class_weights_of_the_function_are_kept():
    goal = load("weighted").goal
    assert goal.metric.name == "macro_f1"
    assert goal.class_weights == (1.0, 5.0, 2.0)
