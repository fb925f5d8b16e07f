"""The command line as tests call it, and one small study that they share."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotiny.__main__ import main

# One thread, whatever runs first: TensorFlow takes them once a process, and tests share one.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# Makes the helpers beside the tests importable, whatever the import mode.
sys.path.insert(0, str(Path(__file__).resolve().parent))

#: A search that takes seconds: tiny base model, few epochs; long enough for the sampler to learn.
TINY = ("--space", "mlp", "--set", "base.units=[16]")
TINY += ("--set", "training.epochs=4", "--set", "epochs=2")
TRIALS = 12


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder that holds no studies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOTINY_STUDIES", raising=False)
    return tmp_path


@pytest.fixture
def cli(capfd):
    """Run a command in this process; returns exit code, standard output and standard error."""

    def run(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return run


@pytest.fixture
def refused(cli):
    """Run a command that must be refused with one sentence; returns the sentence."""

    def run(*arguments, code=2):
        given, out, err = cli(*arguments)
        assert (given, out) == (code, ""), err
        assert err.startswith("autotiny: "), err
        assert err.count("\n") == 1, err
        assert err.endswith((".\n", "?\n")), err
        assert not err.startswith("autotiny: failed"), err
        return err.removeprefix("autotiny: ").strip()

    return run


@pytest.fixture(scope="session")
def start():
    """Start a command in a process of its own; returns it, its output readable line by line."""

    def run(*arguments, cwd, before=None):
        program = ["-m", "autotiny"] if before is None else ["-c", before]
        environment = {k: v for k, v in os.environ.items() if k != "AUTOTINY_STUDIES"}
        return subprocess.Popen(
            [sys.executable, *program, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test run started in the background would hand down an ignored Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    return run


@pytest.fixture(scope="session")
def finish(start):
    """Run a command in a process of its own; returns exit code, output and errors."""

    def run(*arguments, **options):
        process = start(*arguments, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


@pytest.fixture(scope="session")
def searched(tmp_path_factory, finish):
    """A folder with the study ``tiny``, and what its search printed."""
    path = tmp_path_factory.mktemp("searched")
    code, out, err = finish("search", *TINY, "--trials", TRIALS, "--study", "tiny", cwd=path)
    assert (code, err) == (0, "")
    return path, out


@pytest.fixture
def study(searched, folder):
    """The current folder with a copy of the study ``tiny`` that a test may damage."""
    shutil.copytree(searched[0] / "studies", folder / "studies")
    return folder / "studies" / "tiny"


@pytest.fixture(scope="session")
def tiny():
    """Options of the small search."""
    return TINY


@pytest.fixture(scope="session")
def tiny_trials():
    """How many trials the shared study has."""
    return TRIALS
