"""What holds for the command line as a whole: help, imports, exit codes, tracebacks."""

import os
import signal
import subprocess
import sys

import pytest
import typer

import autotiny
from autotiny.__main__ import main
from autotiny.cli import app
from autotiny.cli_options import STUDY_OPTIONS

HEAVY = {
    "tensorflow", "tf_keras", "keras", "optuna", "tflite_micro", "ai_edge_litert",
    "ai_edge_quantizer", "sklearn", "scipy", "numpy", "joblib", "matplotlib", "sqlalchemy",
    "tensorflow_model_optimization",
}  # fmt: skip
COMMANDS = ("search", "resume", "studies", "spaces", "front", "show", "export", "check", "compile")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["--version"], []])
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import sys\nfrom autotiny.__main__ import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    code = end.code\n"
        "print(code, *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = run("-c", script)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert not HEAVY & set(modules)
    assert done.stdout


def test_no_arguments_show_help(cli):
    code, out, err = cli()
    assert (code, err) == (0, "")
    assert out == cli("--help")[1]
    for command in COMMANDS:
        assert command in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(cli, command):
    code, out, err = cli(command, "--help")
    assert (code, err) == (0, "")
    assert f"Example: autotiny {command}" in " ".join(out.split())


def test_examples_are_commands_that_parse():
    """An example with a typing error would be refused as usage."""
    import shlex

    from typer.main import get_command

    from autotiny.cli import app

    group = get_command(app)
    for name, command in group.commands.items():
        example = shlex.split(command.epilog.removeprefix("Example: "))
        assert example[:2] == ["autotiny", name]
        command.make_context(name, example[2:])


def test_version(cli):
    assert cli("--version") == (0, f"autotiny {autotiny.__version__}\n", "")


def test_installed_command_is_the_module():
    folder = os.path.dirname(sys.executable)
    command = os.path.join(folder, "autotiny")
    if not os.path.exists(command):
        pytest.skip("autotiny is not installed in this environment")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"autotiny {autotiny.__version__}\n")


@pytest.mark.parametrize("where", [0, 2])
def test_debug_shows_the_traceback_anywhere(folder, cli, where):
    arguments = ["front", "nope"]
    arguments.insert(where, "--debug")
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Traceback (most recent call last):")
    assert err.splitlines()[-1].startswith("autotiny: A study must exist")


def test_failure_is_one_line_and_code_1(folder, capfd, monkeypatch):
    """A fault of ours is told apart from a fault of the user's."""

    def broken():
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("autotiny.commands.studies.study_names", broken)
    with pytest.raises(SystemExit) as end:
        main(["studies"])
    assert end.value.code == 1
    expected = "autotiny: failed; ZeroDivisionError: by zero (--debug shows where).\n"
    assert capfd.readouterr().err == expected


def test_interrupt_before_there_is_a_study(folder, capfd, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("autotiny.commands.studies.study_names", interrupted)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as end:
            main(["studies"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert end.value.code == 130
    assert capfd.readouterr().err == "autotiny: interrupted.\n"


def test_spaces_and_no_studies(folder, cli):
    code, out, err = cli("spaces")
    assert (code, err) == (0, "")
    for name in ("cnn", "ds_cnn", "mlp"):
        assert name in out
    code, out, err = cli("studies")
    assert (code, err) == (0, "")
    assert out == "No studies in studies/ yet. Start one: autotiny search\n"
    assert not list(folder.iterdir())


def test_commands_that_may_make_a_study_take_the_same_options():
    command = typer.main.get_command(app)
    taken = {
        name: {option for param in command.commands[name].params for option in param.opts}
        for name in ("search", "try", "shrink")
    }
    shared = {f"--{name.replace('_', '-')}" for name in STUDY_OPTIONS}
    assert shared <= taken["search"] & taken["try"]
    assert shared - taken["shrink"] == {"--space", "--model"}  # its argument says which
