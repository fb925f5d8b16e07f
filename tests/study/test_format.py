"""Studies of earlier versions open, and those of later ones say what reads them."""

import json
import pickle
import zipfile
from pathlib import Path

import pytest

from autotiny.study.format import FORMAT, read_footprint

#: Made by autotiny 0.1.0: six trials of a small mlp on the digits, for the stm32l4r5zi.
OLD = Path(__file__).parent / "data" / "study-0.1.0.zip"


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


@pytest.fixture
def old(folder):
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(folder / "studies")
    # Version 0.1.0 kept pickles there.
    place = folder / "studies/old/cache/autotiny/once/_train/0123"
    place.mkdir(parents=True)
    (place / "output.pkl").write_bytes(pickle.dumps(Evil()))
    return folder


def test_a_study_of_0_1_0_is_looked_at_exported_and_gone_on_with(old, cli):
    code, out, err = cli("front", "old", "--format", "json")
    assert (code, err) == (0, "")
    assert [row["trial"] for row in json.loads(out)] == [2, 1, 4]
    code, out, err = cli("show", "old", "--trial", "2", "--test")
    assert (code, err) == (0, "")
    assert "test, tflm (measured)" in out
    code, out, err = cli("export", "old", "--pick", "knee", "--out", "fw")
    assert (code, err) == (0, "")
    assert "bit for bit" in out
    code, out, err = cli("resume", "old", "--trials", "7")
    assert (code, err) == (0, "")
    assert "7 trials" in out
    assert not (old / "ran").exists()


def test_a_study_of_a_later_version_says_which(old, refused):
    config = old / "studies/old/config.yaml"
    text = config.read_text().replace("version: 0.1.0", "version: 9.0.0\nfuture: 1")
    config.write_text(f"{text}format: {FORMAT + 1}\n")
    for command in (("front", "old"), ("resume", "old"), ("show", "old", "--trial", "0")):
        sentence = refused(*command)
        assert f"must have a format up to {FORMAT}; it has {FORMAT + 1}, of autotiny 9.0.0" in (
            sentence
        )


def test_what_0_1_0_counted_as_no_time_is_not_known():
    sizes = ("model_bytes", "runtime_bytes", "arena_used_bytes", "arena_bytes")
    sizes += ("overhead_ram_bytes", "macs", "params", "instructions")
    stored = dict.fromkeys(sizes, 1) | {"latency_s": 0.5, "energy_mj": 0.1}
    assert read_footprint(stored).latency_s == 0.5
    origin = {"instructions": "predicted, not accounted for: TANH"}
    footprint = read_footprint(stored | {"origins": origin})
    assert (footprint.latency_s, footprint.energy_mj) == (None, None)
