"""A search that starts from the user's own trained Keras model."""

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotiny.base_model import read_base_model, shaped_for
from autotiny.errors import InputError
from autotiny.pipeline import representative_samples
from autotiny.readers.keras_file import model_fingerprint
from autotiny.readers.model_file import read_model_file
from autotiny.study.config import load_config
from autotiny.tasks import load_task
from autotiny.tensorflow_setup import prepare_tensorflow

pytestmark = [
    # tensorflow_model_optimization, on import
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]
SEARCH = ("search", "--trials", 2, "--set", "epochs=2", "--study", "own")


def save(model: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.fixture(scope="module")
def k() -> Any:
    prepare_tensorflow(0)
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def trained(k: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A model file, and the validation accuracy that Keras itself gives it."""
    task, layers = load_task("digits", seed=0), k.layers
    model = k.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(epsilon=1e-4),
            layers.ReLU(),
            layers.Dropout(0.05),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile(
            k.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(task.train.x, task.train.y, epochs=12, verbose=0)
        _, accuracy = model.evaluate(task.validation.x, task.validation.y, verbose=0)
    return save(model, tmp_path_factory.mktemp("trained") / "mine.keras"), float(accuracy)


def test_search_compresses_the_model_that_was_brought(
    trained: tuple[Path, float], folder: Path, cli: Any
) -> None:
    path, accuracy = trained
    code, out, err = cli(*SEARCH, "--model", path, "--flash", "300KB")
    assert (code, err) == (0, "")
    said = re.search(r"validation accuracy ([\d.]+) \(float", out)
    assert said
    assert float(said[1]) == pytest.approx(accuracy, abs=6e-5)
    assert "training the base model" not in out

    config = load_config(folder / "studies" / "own" / "config.yaml")
    assert (config.model, config.space.family, config.space.base) == (str(path), None, {})
    assert config.model_sha256 == model_fingerprint(path)

    code, out, _ = cli("front", "own", "--format", "json")
    front = json.loads(out)
    # The uncompressed anchor keeps what the user trained.
    assert max(row["accuracy"] for row in front) > accuracy - 0.03
    code, out, _ = cli("show", "own", "--trial", 0)
    assert code == 0
    assert "conv2d" in out
    code, out, _ = cli("studies")
    assert str(path.parent)[:20] in out


def test_resume_refuses_a_model_that_changed(
    k: Any, trained: tuple[Path, float], folder: Path, cli: Any, refused: Any
) -> None:
    path = folder / "mine.keras"
    shutil.copy(trained[0], path)
    assert cli(*SEARCH, "--model", "mine.keras")[0] == 0
    model = k.saving.load_model(path)
    model.set_weights([w * 1.01 for w in model.get_weights()])
    save(model, path)
    code, _, err = cli("resume", "own", "--trials", 3)
    assert code == 2
    assert "must go on with the model it was started with; mine.keras has changed" in err
    shutil.copy(trained[0], path)
    assert cli("resume", "own", "--trials", 3)[0] == 0


def test_what_cannot_be_searched_is_one_sentence_and_nothing_is_written(
    k: Any, trained: tuple[Path, float], folder: Path, refused: Any
) -> None:
    layers = k.layers

    def model(*middle: Any, shape: tuple[int, ...] = (8, 8, 1), classes: int = 10) -> Path:
        chain = [layers.Input(shape), *middle, layers.Flatten(), layers.Dense(classes)]
        return save(k.Sequential(chain), folder / "m.keras")

    assert "is not there" in refused(*SEARCH, "--model", "none.keras")
    sentence = refused(*SEARCH, "--model", model(layers.Conv2D(2, 3), layers.ELU(name="bent")))
    assert "bent" in sentence
    assert "use relu or leaky_relu" in sentence
    sentence = refused(*SEARCH, "--model", model(classes=3))
    assert "(8, 8, 1) and 10 outputs" in sentence
    assert "gives 3" in sentence
    assert "takes (9, 8, 1)" in refused(*SEARCH, "--model", model(shape=(9, 8, 1)))
    assert "base needs a family" in refused(
        *SEARCH, "--model", trained[0], "--set", "base.filters=[4]"
    )
    assert "either a family" in refused(*SEARCH, "--model", trained[0], "--set", "family=cnn")
    (folder / "space.yaml").write_text("parameters: {epochs: 2}\n", encoding="utf-8")
    assert "either a family" in refused(*SEARCH, "--space", "space.yaml")
    assert not (folder / "studies").exists()


def test_a_flattening_model_takes_samples_of_the_task_in_another_shape(
    k: Any, tmp_path: Path
) -> None:
    model = k.Sequential([k.layers.Input((8, 8)), k.layers.Flatten(), k.layers.Dense(10)])
    path = save(model, tmp_path / "rows.keras")
    task = load_task("digits", seed=0)
    samples = representative_samples(task, 0)
    task = shaped_for(read_model_file(path), task)
    samples = representative_samples(task, 0)
    base = read_base_model(str(path), model_fingerprint(path), task, samples)
    assert base.network.input_shape == task.input_shape == (8, 1, 8)
    expected = model(task.validation.x[:, :, 0], training=False).numpy()
    np.testing.assert_allclose(base.validation_outputs, expected, atol=1e-4)
    with pytest.raises(InputError, match="has changed"):
        read_base_model(str(path), "0" * 64, task, samples)
