"""Tab completion as bash, zsh and fish ask for it, and as bash itself then completes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "autotiny"
BASH = shutil.which("bash")


def run(*command, **environment):
    """Run the installed program; returns exit code, standard output and standard error."""
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PATH": path} | environment
    )
    return done.returncode, done.stdout, done.stderr


def asked_by_bash(line):
    words = line.split(" ")
    variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return run(PROGRAM, _AUTOTINY_COMPLETE="complete_bash", **variables)


def asked_by_zsh(line):
    return run(PROGRAM, _AUTOTINY_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)


def asked_by_fish(line):
    return run(
        PROGRAM,
        _AUTOTINY_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS=line,
    )


@pytest.mark.parametrize("shell", [asked_by_bash, asked_by_zsh, asked_by_fish])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("autotiny ex", "export"),
        ("autotiny devices nrf", "nrf52840"),
        ("autotiny search --device stm32l", "stm32l4r5zi"),
        ("autotiny search --space ds", "ds_cnn"),
    ],
)
def test_every_shell_is_told(shell, line, expected):
    code, out, err = shell(line)
    assert (code, err) == (0, "")
    assert expected in out


@pytest.mark.parametrize("shell", [asked_by_bash, asked_by_zsh, asked_by_fish])
def test_studies_are_completed(study, shell):
    code, out, err = shell("autotiny front ti")
    assert (code, err) == (0, "")
    assert "tiny" in out


@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_bash_completes(study):
    script = """
eval "$(autotiny --show-completion bash)"
COMP_WORDS=(autotiny show ti) COMP_CWORD=2
_autotiny_completion autotiny
echo "${COMPREPLY[@]}"
"""
    assert run(BASH, "--norc", "-c", script) == (0, "tiny\n", "")


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_the_shell_is_found_out(folder, option):
    # Two commands, or bash would become the program and could not be found.
    code, out, err = run(BASH, "--norc", "-c", f"autotiny {option}; exit $?", HOME=str(folder))
    assert (code, err) == (0, "")
    assert "completion" in out
    installed = [path for path in folder.rglob("*") if path.is_file()]
    assert bool(installed) == (option == "--install-completion")


def test_a_closed_pipe_is_no_failure():
    code, out, err = run("sh", "-c", f"'{PROGRAM}' devices --format json | head -c 1")
    assert (code, err) == (0, "")
    assert out == "["
