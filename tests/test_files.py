"""What a file is, told by its bytes, and which command takes it."""

import numpy as np
import pytest

from autotiny.files import kind_of, other_kind


@pytest.fixture
def files(folder):
    np.savez("data.npz", x=np.zeros(2))
    (folder / "renamed.keras").write_bytes((folder / "data.npz").read_bytes())
    (folder / "model.bin").write_bytes(b"\x1c\0\0\0TFL3....")
    (folder / "old.model").write_bytes(b"\x89HDF\r\n\x1a\n....")
    (folder / "a.csv").write_text("a,b\n")
    (folder / "empty.tflite").touch()
    (folder / "data").mkdir()
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("data.npz", "a NumPy archive"), ("renamed.keras", "a NumPy archive"),
        ("model.bin", "a TFLite model"), ("old.model", "a Keras model"),
        ("a.csv", "a table of text"), ("empty.tflite", "a TFLite model"), ("data", "a folder"),
        ("saved", "a Keras model"), ("missing.wav", "a recording"),
        ("x.xyz", "a file of another kind"),
    ],
)  # fmt: skip
def test_kinds(files, name, kind):
    assert kind_of(files / name) == kind


def test_the_sentence_names_what_takes_the_file(files, refused):
    assert refused("check", "old.model").startswith(
        "A model to analyse must be a .tflite file; old.model is a Keras model: "
        "`autotiny search --model old.model --data DATA`"
    )
    assert "model.bin is a TFLite model: `autotiny check model.bin`" in refused(
        "search", "--model", "model.bin"
    )
    assert "`--data data.npz` takes it" in refused("analyze", "data.npz")
    assert "data is a folder: put its samples into a FILE.npz" in refused(
        "search", "--data", "data"
    )
    assert "a.csv is a table of text: put" in refused("search", "--data", "a.csv")
    assert other_kind("A rule", "data") == "A rule; data is a folder."
