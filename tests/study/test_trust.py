"""Code that a foreign study names is run only when the user says so."""

import shutil
import sqlite3
import textwrap
from pathlib import Path

import pytest

from autotiny.errors import UnsupportedModelError
from autotiny.study import trust
from autotiny.study.config import StudyConfig
from autotiny.study.space_files import parse_space

SOURCE = """
import pathlib
import numpy as np
from autotiny.tasks import checked_task

def load(seed=0):
    pathlib.Path("ran").touch()
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 300)
    return checked_task("mine", (rng.normal(0, 1, (300, 8)) + y[:, None], y), seed=seed)
"""
SEARCH = ("search", "--data", "foreign_data:load", "--space", "mlp", "--study", "fn")
SEARCH += ("--set", "base.units=[8]", "--trials", "2", "--set", "epochs=1")
SEARCH += ("--set", "training.epochs=1")
COMMANDS = (
    ("resume", "fn", "--trials", "3"),
    ("show", "fn", "--trial", "0", "--test"),
    ("export", "fn", "--trial", "0", "--out", "fw"),
    ("sensitivity", "fn"),
)


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    (folder / "foreign_data.py").write_text(textwrap.dedent(SOURCE))
    return folder


def test_own_studies_run_their_code_and_foreign_ones_do_not(here, cli, refused, monkeypatch):
    code, _, err = cli(*SEARCH)
    assert (code, err) == (0, "")
    (here / "ran").unlink()
    assert cli("sensitivity", "fn")[0] == 0  # made here
    assert (here / "ran").exists()
    (here / "ran").unlink()

    monkeypatch.setenv("XDG_STATE_HOME", str(here / "another-machine"))
    for command in COMMANDS:
        sentence = refused(*command)
        assert "its data is foreign_data:load: read that code, then add --trust" in sentence
    assert cli("studies")[0] == 0
    assert not (here / "ran").exists()

    assert cli(*COMMANDS[0], "--trust")[0] == 0
    assert (here / "ran").exists()
    assert cli(*COMMANDS[1])[0] == 0  # from now on


def test_a_mark_fits_one_study_only(here, cli, refused):
    assert cli(*SEARCH)[0] == 0
    config = here / "studies" / "fn" / "config.yaml"
    shutil.copy(here / "foreign_data.py", here / "evil.py")
    config.write_text(config.read_text().replace("foreign_data:load", "evil:load"))
    assert "evil:load" in refused("sensitivity", "fn")


def test_the_key_is_private(here, cli):
    assert cli(*SEARCH)[0] == 0
    key = here / "state" / "autotiny" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    assert [path.name for path in key.parent.iterdir()] == ["key"]


def test_without_a_home_a_search_still_runs(here, cli, monkeypatch, refused):
    (here / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "file"))
    code, _, err = cli(*SEARCH)
    assert (code, err) == (0, "")
    assert "add --trust" in refused("sensitivity", "fn")
    assert cli("sensitivity", "fn", "--trust")[0] == 0


def test_a_relative_state_folder_is_no_state_folder(monkeypatch, folder):
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setattr(Path, "home", classmethod(no_home))
    (folder / "s").mkdir()
    trust.sign(folder / "s", "a:b")
    assert not trust.is_trusted(folder / "s", "a:b")
    assert sorted(path.name for path in folder.rglob("*")) == ["s"]


def no_home(_):
    raise RuntimeError("Could not determine home directory.")


def test_an_image_from_elsewhere_cannot_crash_the_command(study, cli, monkeypatch, folder):
    """It is run in a process of its own, which here dies on it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "another-machine"))
    connection = sqlite3.connect(study / "study.db")
    connection.execute("delete from study_user_attributes")
    connection.commit()
    connection.close()
    asked = []

    def ask(self, request, parts, timeout):
        asked.append(request)
        raise UnsupportedModelError("The model cannot be run: TensorFlow Lite Micro crashed on it.")

    monkeypatch.setattr("autotiny.runtimes.tflm.worker.Worker._ask", ask)
    code, _, err = cli("show", "tiny", "--trial", "0")
    assert code == 2
    assert err == "autotiny: The model cannot be run: TensorFlow Lite Micro crashed on it.\n"
    assert len(asked) == 1
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert cli("show", "tiny", "--trial", "0")[0] == 0


def test_what_makes_a_model_is_signed_too():
    space = parse_space({"family": "mlp", "parameters": {"width": 1.0}}, "a space")
    config = StudyConfig(study="s", data="digits", space=space)
    facts = trust.facts_of(config)
    assert facts == (config.data, config.fingerprint)  # as studies of before were signed
    assert trust.facts_of(config.model_copy(update={"teacher": "big.keras"})) == facts
    for name in ("model", "teacher"):
        edited = config.model_copy(update={name: "evil:make"})
        assert trust.facts_of(edited)[:2] == facts
        assert "evil:make" in trust.facts_of(edited)
