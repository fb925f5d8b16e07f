"""A study whose files were damaged: every command says which file and why, and changes nothing."""

import sqlite3

import numpy as np
import pytest

COMMANDS = (
    ("resume", "tiny"),
    ("front", "tiny"),
    ("show", "tiny", "--trial", "0"),
    ("export", "tiny", "--pick", "knee", "--out", "fw"),
)


def every_command(refused, culprit):
    for command in COMMANDS:
        assert culprit in refused(*command)


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda _: b"\xff" * 5000, lambda db: db[:100], lambda db: db[: len(db) // 2]],
    ids=["empty", "no database", "header", "half"],
)
def test_database(study, refused, damage):
    path = study / "study.db"
    path.write_bytes(damage(path.read_bytes()))
    every_command(refused, "study.db must be a sound Optuna database")


@pytest.mark.parametrize("table", ["x", "trials"])
def test_database_of_another_program(study, refused, table):
    (study / "study.db").unlink()
    connection = sqlite3.connect(study / "study.db")
    connection.execute(f"create table {table}(a)")
    connection.close()
    every_command(refused, "study.db must be a sound Optuna database")


@pytest.mark.parametrize(
    "change",
    [
        "update trial_user_attributes set value_json = '['",
        "update trial_user_attributes set value_json = '3' where key = 'footprint'",
        "update trial_params set distribution_json = '{}'",
        "update trials set state = 'HALF'",
        "drop table trial_params",
        "delete from studies",
    ],
)
def test_rows(study, refused, change):
    connection = sqlite3.connect(study / "study.db")
    connection.execute(change)
    connection.commit()
    connection.close()
    every_command(refused, "study.db must")


def test_flipped_bytes_never_give_a_traceback(study, cli):
    path = study / "study.db"
    good, rng = path.read_bytes(), np.random.default_rng(0)
    codes = set()
    for _ in range(25):
        bad = bytearray(good)
        for position in rng.integers(0, len(bad), 40):
            bad[position] = rng.integers(256)
        path.write_bytes(bytes(bad))
        code, _, err = cli("front", "tiny", "--format", "json")
        assert code in (0, 2, 3), err
        assert (err == "") == (code != 2)
        assert err.count("\n") == (code == 2)
        codes.add(code)
    assert 2 in codes


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"study: 3", b"a: [", None])
def test_configuration(study, refused, content):
    path = study / "config.yaml"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    every_command(refused, "config.yaml")


def test_unknown_key_in_the_configuration(study, refused):
    path = study / "config.yaml"
    path.write_text(path.read_text() + "colour: red\n")
    every_command(refused, "colour is not a known key")


def test_damaged_studies_are_listed_beside_sound_ones(study, cli):
    other = study.parent / "other"
    other.mkdir()
    (other / "study.db").write_bytes(b"")
    code, out, err = cli("studies")
    assert (code, err) == (0, "")
    assert "other" in out
    assert "cannot be opened" in out
    assert "12 of 12" in out


def test_renamed_study_keeps_its_trials(study, cli):
    study.rename(study.parent / "renamed")
    code, out, _ = cli("front", "renamed", "--format", "csv")
    assert code == 0
    assert len(out.splitlines()) > 2
