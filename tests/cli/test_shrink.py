"""``shrink``: smaller step by step, down to the smallest that is good enough."""

import csv
import io
import json
import re
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from autotiny.study.search import Search
from autotiny.study.shrinking import setting_at, walk


def test_channels_of_a_study(study, cli, folder):
    before = len(Search.open("tiny").records())
    command = ("shrink", "tiny", "--min-score", "0.5", "--steps", "4", "--epochs", "2")
    code, out, err = cli(*command, "--plot", "steps.svg")
    assert (code, err) == (0, "")
    assert re.search(r"Uncompressed, as int8: accuracy 0\.\d{4}, flash", out)
    records = Search.open("tiny").records()[before:]
    assert [r.parameters["width"] for r in records][:2] == [1.0, 0.7]
    found = int(re.search(r"The smallest above the floor of 0.5 is trial (\d+)", out)[1])
    good = [r for r in records if r.score >= 0.5]
    assert found == min(good, key=lambda r: r.footprint.flash_bytes).number
    assert f"autotiny export tiny --trial {found} --out tiny-firmware" in out
    text = " ".join(ET.parse(folder / "steps.svg").getroot().itertext())
    assert "floor 0.5" in text
    assert "validation accuracy (measured)" in text
    # Again: nothing is trained, and the same is found.
    code, out, err = cli(*command, "--format", "json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert [row["trial"] for row in rows if row["smallest"]] == [found]
    assert len(Search.open("tiny").records()) == before + len(records)


def test_a_users_model_by_weights_with_a_budget(folder, cli):
    import keras

    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 240)
    x = rng.normal(0, 1, (240, 24)).astype(np.float32) + y[:, None]
    np.savez("data.npz", x=x, y=y)
    with warnings.catch_warnings():  # Keras hands NumPy arrays in a way that NumPy warns of
        warnings.simplefilter("ignore")
        keras.utils.set_random_seed(0)
        layers = keras.layers
        model = keras.Sequential([
            keras.Input((24,)), layers.Dense(64, activation="relu"), layers.Dense(3)
        ])  # fmt: skip
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y, epochs=10, verbose=0)
        model.save("mine.keras")
    code, out, err = cli(
        "shrink", "mine.keras", "--data", "data.npz", "--min-score", "0.5", "--by", "weights",
        "--steps", "3", "--epochs", "2", "--runtime", "c", "--flash", "2200", "--format", "csv",
    )  # fmt: skip
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [float(row["sparsity"]) for row in rows] == [0.0, 0.3, 0.51]
    assert rows[0]["outcome"] == "over"
    assert rows[-1]["smallest"] == "True"
    assert Search.open("data-mine-shrink").config.model == "mine.keras"


def test_a_floor_that_nothing_reaches(study, cli):
    code, out, err = cli("shrink", "tiny", "--min-score", "0.999", "--by", "bits")
    assert (code, err) == (3, "")
    assert "Even the uncompressed model is below the floor: accuracy 0." in out
    assert len(Search.open("tiny").records()) == 12


def test_lower_is_better(folder, cli):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (200, 6)).astype(np.float32)
    np.savez("line.npz", x=x, y=(x @ np.arange(6)).astype(np.float32))
    small = ("--set", "base.units=[8]", "--set", "training.epochs=3", "--set", "epochs=1")
    assert cli("try", "--data", "line.npz", "--metric", "mae", *small, "--study", "line")[0] == 0
    code, out, _ = cli("shrink", "line", "--min-score", "0.0001", "--steps", "2", "--epochs", "1")
    assert code == 3
    assert "below the floor: mae" in out
    code, out, _ = cli("shrink", "line", "--min-score", "1000", "--steps", "2", "--epochs", "1")
    assert code == 0
    assert "No step was below the floor; --steps 4 goes on" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tiny", "--min-score", "0.9", "--by", "luck"), "channels, weights, bits; got 'luck'"),
        (("tiny", "--min-score", "nan"), "--min-score must be a finite number"),
        (("tiny", "--min-score", "much"), "must be a valid number"),
        (("tiny",), "--min-score"),
        (("nothing", "--min-score", "0.9"), "must be a study or a model file"),
        (("gone.keras", "--min-score", "0.9"), "gone.keras"),
        (("tiny", "--min-score", "0.9", "--set", "width=0.5"), "got width: leave it out"),
        (("tiny", "--min-score", "0.9", "--study", "other"), "is named first"),
        (("tiny", "--min-score", "0.9", "--plot", "a.jpg"), ".svg or .png"),
        (("tiny", "--min-score", "0.9", "--flash", "9KB"), "tiny has flash none"),
    ],
)
def test_bad_input(study, refused, arguments, sentence):
    assert sentence in refused("shrink", *arguments)
    assert len(Search.open("tiny").records()) == 12


def visited(good, most=20):
    """Return the shares of a walk on which those of at least ``good`` are good."""
    seen = []

    def run(share):
        seen.append(share)
        return "good" if share >= good else "below"

    walk(run, most)
    return seen


def test_a_walk_ends_close_to_the_smallest_good_share():
    for good in (0.9, 0.5, 0.111, 0.02):
        seen = visited(good)
        best = min(share for share in seen if share >= good)
        assert good <= best <= good / 0.96
    assert visited(2.0) == [1.0]
    assert visited(0.0)[-1] == 0.01
    assert len(visited(0.3, most=5)) == 5


def test_settings_get_smaller():
    shares = [0.7**n for n in range(12)]
    for by, name in (
        ("channels", "width"),
        ("weights", "sparsity"),
        ("bits", "precision_tolerance"),
    ):
        values = [setting_at(by, share)[name] for share in shares]
        assert values == sorted(values, reverse=by == "channels")
        assert values[0] == (1.0 if by == "channels" else 0.0)
        assert len(set(values)) > 7
