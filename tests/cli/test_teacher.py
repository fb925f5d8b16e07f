"""``--teacher``: students that a model of the user's own teaches, through the command line."""

import re
import warnings
import zipfile

import numpy as np
import pytest

from autotiny.study.config import load_config
from autotiny.study.search import Search
from autotiny.tasks import load_task
from autotiny.tensorflow_setup import prepare_tensorflow

pytestmark = [
    # tensorflow_model_optimization, on import
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]
#: Every candidate is taught, so that another teacher makes other students.
TAUGHT = ("--set", "distillation_alpha=0.9", "--set", "precision_tolerance=0")


def made(path, layers, *, epochs=8, shape=(8, 8, 1)):
    """Save a Keras model of digits, trained or as it was drawn."""
    prepare_tensorflow(0)
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(3)
    task = load_task("digits", seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.Sequential([keras.layers.Input(shape), *layers(keras.layers)])
        if epochs:
            model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
            model.fit(task.train.x, task.train.y, epochs=epochs, verbose=0)
        model.save(path)
    return path


def wide(layers):
    return [
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def modern(layers):
    """Layers that no network of ours can have."""
    return [
        layers.Flatten(),
        layers.Dense(64, activation="gelu"),
        layers.LayerNormalization(),
        layers.Dense(10, activation="softmax"),
    ]


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """A good teacher, one that was never trained, and one that is known by its outputs alone."""
    path = tmp_path_factory.mktemp("teachers")
    return (
        made(path / "wide.keras", wide, epochs=12),
        made(path / "untrained.keras", wide, epochs=0),
        made(path / "modern.keras", modern),
    )


def scores(out):
    """Return the scores that the line about the teacher says: its own, and the base model's."""
    line = re.search(
        r"^Teacher \S+: validation accuracy (0\.\d{4}); base model (0\.\d{4}) \(float, measured\)$",
        out.replace("\n(float", " (float"),
        re.MULTILINE,
    )
    assert line, out
    return float(line[1]), float(line[2])


def test_search_is_taught_and_goes_on_when_the_file_is_gone(
    teachers, folder, cli, refused, tiny, tmp_path
):
    mine = tmp_path / "t.keras"
    mine.write_bytes(teachers[0].read_bytes())
    options = (*tiny, *TAUGHT, "--study", "taught")
    code, out, err = cli("search", *options, "--teacher", "t.keras", "--trials", 2)
    assert (code, err) == (0, "")
    assert re.search(r"^Teacher t\.keras: validation accuracy 0\.\d{4} \(float", out, re.MULTILINE)
    told, base = scores(out)
    assert told > base  # twelve epochs against four
    assert "worse than the base model" not in out
    config = load_config(folder / "studies" / "taught" / "config.yaml")
    assert config.teacher == "t.keras"
    assert len(config.teacher_sha256) == 64

    search = Search.open("taught")
    kept = search.teacher()
    assert kept.validation_score == pytest.approx(told, abs=6e-5)
    assert kept.train_outputs.shape == (len(search.task.train), 10)
    assert kept.train_outputs.min() < -1  # logits: the softmax is dropped, as of --model

    mine.unlink()
    code, out, err = cli("resume", "taught", "--trials", 3)
    assert (code, err) == (0, "")
    assert scores(out) == (told, base)
    assert cli("show", "taught", "--trial", 2)[0] == 0
    assert cli("front", "taught")[0] == 0
    # The same file under another name is the same teacher; another file is not.
    again = ("try", "--study", "taught", "--set", "epochs=1", "--teacher")
    (tmp_path / "moved.keras").write_bytes(teachers[0].read_bytes())
    assert cli(*again, "moved.keras")[0] == 0
    assert cli(*again, "t.keras")[0] == 0
    sentence = refused(*again, teachers[1])
    assert "is taught by t.keras" in sentence
    assert "untrained.keras" in sentence
    # Only what the study no longer keeps needs the file.
    for path in (folder / "studies" / "taught" / "cache").glob("teacher-*"):
        path.unlink()
    assert "t.keras is not there" in cli("resume", "taught", "--trials", 5)[2]


def test_another_teacher_makes_another_student(teachers, folder, cli):
    one = ("try", "--space", "mlp", "--set", "base.units=[16]", "--set", "training.epochs=4")
    one += ("--set", "epochs=4", "--set", "width=0.5")
    found = {}
    for name, more in {
        "alone": (),
        "base": ("--set", "distillation_alpha=0.5"),
        "good": ("--teacher", teachers[0]),
        "bad": ("--teacher", teachers[1]),
        "untaught": ("--teacher", teachers[1], "--set", "distillation_alpha=0"),
    }.items():
        code, out, err = cli(*one, *more, "--study", name)
        assert (code, err) == (0, "")
        assert ("The teacher is worse than the base model" in out) == (name in ("bad", "untaught"))
        search = Search.open(name)
        found[name] = search.folder.get_artifact(search.record(0), "model")
    assert len({found[name] for name in ("alone", "base", "good", "bad")}) == 4
    assert found["untaught"] == found["alone"]


@pytest.mark.parametrize("kind", ["features", "mutual", "progressive", "self"])
def test_every_kind_takes_a_teacher_of_other_layers(kind, teachers, folder, cli):
    code, _, err = cli(
        "try", "--space", "mlp", "--set", "base.units=[16]", "--set", "training.epochs=2",
        "--set", "epochs=1", "--set", f"distillation={kind}", "--teacher", teachers[0],
    )  # fmt: skip
    assert (code, err) == (0, "")


def test_a_teacher_of_any_layers_is_known_by_its_outputs(teachers, folder, cli, refused, tiny):
    one = ("try", *tiny, "--set", "epochs=1", "--teacher", teachers[2])
    code, out, err = cli(*one, "--study", "modern")
    assert (code, err) == (0, "")
    told, _ = scores(out)
    assert told > 0.9
    search = Search.open("modern")
    assert search.teacher().network is None
    import keras

    model = keras.saving.load_model(teachers[2], compile=False)
    given = np.asarray(model(search.task.train.x))
    logits = search.teacher().train_outputs
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, given, atol=2e-6)
    sentence = cli(*one, "--study", "modern", "--set", "distillation=features")[2]
    assert "features needs the teacher's layers" in sentence
    sentence = refused(
        "search", *tiny, "--teacher", teachers[2], "--trials", 1,
        "--set", "distillation={choices: [soft, mutual]}",
    )  # fmt: skip
    assert "mutual needs the layers of its teacher" in sentence
    assert "soft, progressive or self" in sentence
    assert not (folder / "studies" / "digits-mlp").exists()


def test_shrink_says_who_teaches(teachers, folder, cli):
    code, out, err = cli(
        "shrink", made(folder / "mine.keras", wide, epochs=2), "--min-score", "0.1", "--steps", 2,
        "--epochs", 1, "--teacher", teachers[0],
    )  # fmt: skip
    assert (code, err) == (0, "")
    told, base = scores(out)
    assert out.count("Teacher ") == 1
    assert told > base
    assert Search.open("digits-mine-shrink").record(0).parameters["distillation_alpha"] == 0.5


def test_a_teacher_that_nobody_asks_is_said(teachers, folder, cli, tiny):
    options = (*tiny, "--set", "distillation_alpha=0", "--trials", 1, "--teacher", teachers[0])
    code, out, _ = cli("search", *options)
    assert code == 0
    assert "The teacher is never asked" in out


def test_what_is_no_teacher_of_the_task_is_refused(teachers, folder, refused, tiny):
    search = ("search", *tiny, "--trials", 1, "--teacher")
    other = made(folder / "seven.keras", lambda k: [k.Flatten(), k.Dense(7)], epochs=0)
    sentence = refused(*search, other)
    assert sentence.startswith("A teacher must take the task's samples and give one output per ")
    assert "(8, 8, 1) and 10 outputs" in sentence
    assert "seven.keras takes (8, 8, 1) and gives 7" in sentence
    made(folder / "small.keras", wide, epochs=0, shape=(5, 5, 1))
    assert "takes (5, 5, 1) and gives 10" in refused(*search, "small.keras")
    assert "gone.keras is not there" in refused(*search, "gone.keras")
    (folder / "damaged.keras").write_bytes(teachers[0].read_bytes()[:100])
    assert "damaged.keras must be an undamaged" in refused(*search, "damaged.keras")
    assert not (folder / "studies").exists() or not any((folder / "studies").iterdir())


def test_no_code_of_a_teachers_file_is_run(folder, refused, tiny):
    layers = lambda k: [k.Flatten(), k.Lambda(lambda x: x), k.Dense(10)]  # noqa: E731
    made(folder / "code.keras", layers, epochs=0)
    assert zipfile.is_zipfile(folder / "code.keras")
    sentence = refused("search", *tiny, "--trials", 1, "--teacher", "code.keras")
    assert "must hold no Lambda layer" in sentence


def test_a_study_without_one_says_so_of_another(study, refused, teachers):
    sentence = refused("try", "--study", "tiny", "--teacher", teachers[0])
    assert "tiny has no teacher of its own" in sentence
