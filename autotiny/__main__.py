"""Entry point: runs a command, turns errors into one sentence and an exit code."""

import os
import signal
import sys
import warnings
from typing import Any


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 fine, 1 failure, 2 usage or bad input, 3 nothing fits the budget, 130 interrupted.

    Args:
        arguments: Without the program's name; those of the process by default.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    sys.exit(_run([argument for argument in arguments if argument != "--debug"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    from typer.exceptions import TyperException

    from autotiny.errors import AutotinyError, SearchInterruptedError

    warnings.showwarning = _warned
    try:
        result = _call(arguments)
    except (BrokenPipeError, SystemExit) as error:
        if _reader_has_gone(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        # Completing a word ends so, and showing or installing the completion.
        code = error.code if isinstance(error, SystemExit) else 1
        return code if isinstance(code, int) else int(code is not None)
    except KeyboardInterrupt:
        return _report("interrupted.", 130, debug)
    except TyperException as error:
        return _report(_usage_sentence(error), error.exit_code, debug)
    except AutotinyError as error:
        return _report(str(error), error.exit_code, debug)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _report(f"failed; {reason} (--debug shows where).", 1, debug)
    if result == SearchInterruptedError.exit_code:  # typer turns Ctrl-C into this, in silence
        return _report("interrupted.", result, debug)
    return result


def _warned(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Say our own warnings as a sentence; others as Python does."""
    from autotiny.errors import AutotinyWarning

    if issubclass(category, AutotinyWarning):
        print(f"autotiny: note: {message}", file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, *place[:2]))


def _reader_has_gone(error: BaseException) -> bool:
    """Whether nobody reads our output any more, as with `autotiny front … | head`.

    Typer turns that into SystemExit.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BrokenPipeError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _call(arguments: list[str]) -> int:
    """Run the command; what it printed has left the process when this returns."""
    from autotiny.cli import app

    result = app(arguments or ["--help"], prog_name="autotiny", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def _usage_sentence(error: Any) -> str:
    """Return what was wrong with the way a command was typed, and where its options are told."""
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message.replace("Input should be", "must be")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "autotiny"
    return f"{message} (see `{command} --help`)."


def _report(message: str, code: int, debug: bool) -> int:
    if code == 130:
        # Impatience must not tear apart what is being said and closed.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if debug:
        import traceback

        traceback.print_exc()
    print(f"autotiny: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
