import json
import os
import sqlite3
import subprocess
import sys

import pytest

from autotiny.errors import AutotinyError, InputError
from autotiny.study.config import load_config
from autotiny.study.resolving import resolve_config
from autotiny.study.search import Search
from autotiny.study.storage import StudyFolder, studies_dir, study_names


@pytest.fixture
def config():
    return resolve_config({"study": "mine"}, config_file=None, assignments=())


def test_studies_live_where_we_are_or_where_told(folder, monkeypatch):
    assert str(studies_dir()) == "studies"
    monkeypatch.setenv("AUTOTINY_STUDIES", str(folder / "elsewhere"))
    assert studies_dir() == folder / "elsewhere"
    assert study_names() == []


def test_new_study(folder, config):
    made = StudyFolder.create(config)
    assert made.path.resolve() == folder / "studies" / "mine"
    assert study_names() == ["mine"]
    assert load_config(made.path / "config.yaml") == config
    assert [path.name for path in made.path.parent.iterdir()] == ["mine"]
    study = StudyFolder.open("mine").open_optuna()
    assert [direction.name for direction in study.directions] == [
        "MAXIMIZE",
        "MINIMIZE",
        "MINIMIZE",
    ]
    assert study.get_trials() == []


def test_a_study_is_made_once(folder, config):
    made = StudyFolder.create(config)
    before = made.database.read_bytes()
    with pytest.raises(InputError, match="`autotiny resume mine`"):
        StudyFolder.create(config)
    assert made.database.read_bytes() == before


def test_a_study_made_meanwhile_is_not_overwritten(folder, config, monkeypatch):
    """Two searches begin at once: the slower must not replace the faster one's study."""
    create_optuna = StudyFolder._create_optuna

    def slow(self, objectives):
        create_optuna(self, objectives)
        monkeypatch.setattr(StudyFolder, "_create_optuna", create_optuna)
        StudyFolder.create(config.model_copy(update={"seed": 7}))

    monkeypatch.setattr(StudyFolder, "_create_optuna", slow)
    with pytest.raises(InputError, match="'mine' exists"):
        StudyFolder.create(config)
    assert StudyFolder.open("mine").config().seed == 7
    assert [path.name for path in studies_dir().iterdir()] == ["mine"]


def test_a_failure_leaves_nothing(folder, config, monkeypatch):
    def full(self, objectives):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StudyFolder, "_create_optuna", full)
    with pytest.raises(InputError, match="No space left on device"):
        StudyFolder.create(config)
    assert list(studies_dir().iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", "-x", "a b", "x" * 65])
def test_names_that_could_leave_the_folder(folder, name):
    with pytest.raises(InputError, match="A study's name must be"):
        StudyFolder.open(name)


def test_lock_is_held_by_one_and_let_go(folder, config):
    made = StudyFolder.create(config)
    with made.lock(), pytest.raises(AutotinyError, match="by another process"), made.lock():
        pass
    with made.lock():
        pass


def test_lock_of_a_killed_process_is_free(folder, config):
    made = StudyFolder.create(config)
    script = (
        "import os, signal\nfrom autotiny.study.storage import StudyFolder\n"
        "with StudyFolder.open('mine').lock():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -9
    with made.lock():
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_lock_in_a_folder_that_cannot_be_written(folder, config):
    made = StudyFolder.create(config)
    made.path.chmod(0o500)
    with pytest.raises(InputError, match="can be written"), made.lock():
        pass
    made.path.chmod(0o700)


def test_artifacts_are_what_was_stored(study):
    search = Search.open("tiny")
    for record in search.records():
        image = search.folder.get_artifact(record, "image")
        assert len(image) == record.footprint.model_bytes
        assert search.folder.get_artifact(record, "model")[4:8] == b"TFL3"


@pytest.mark.parametrize(
    "place", ["a?b", "%41", "x#y", "{SCHEMA_VERSION}", "with space", "100%", "q'uote", "é"]
)
def test_a_study_may_lie_in_any_folder(folder, cli, monkeypatch, place):
    monkeypatch.setenv("AUTOTINY_STUDIES", str(folder / place / "studies"))
    search = ("search", "--flash", "1KB", "--space", "mlp", "--study", "s", "--trials", "2")
    code, _, err = cli(*search, "--set", "training.epochs=1")
    assert (code, err) == (3, "")
    assert (folder / place / "studies" / "s" / "study.db").is_file()
    assert sorted(path.name for path in folder.iterdir()) == [place]
    assert cli("front", "s")[0] == 3


@pytest.mark.parametrize("identifier", ["../config.yaml", "/etc/hostname", "a/b", "", "a" * 99])
def test_an_artifact_never_lies_elsewhere(study, refused, identifier):
    connection = sqlite3.connect(study / "study.db")
    stored = json.dumps({"model": identifier, "image": identifier})
    changed = "update trial_user_attributes set value_json = ? where key = 'artifacts'"
    connection.execute(changed, (stored,))
    connection.commit()
    connection.close()
    sentence = refused("export", "tiny", "--trial", "0", "--out", "fw")
    assert "An artifact's identifier must be letters, digits and dashes" in sentence
