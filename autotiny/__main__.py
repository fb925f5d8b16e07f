"""Entry point: runs a command, turns errors into one sentence and an exit code."""

import os
import sys


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

    from autotiny.cli import app
    from autotiny.errors import AutotinyError

    try:
        result = app(arguments, prog_name="autotiny", standalone_mode=False)
    except BrokenPipeError:
        # The reader of our output has gone, as with `autotiny front … | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _report("interrupted.", 130, debug)
    except TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        return _report(f"{message} See `autotiny --help`.", getattr(error, "exit_code", 2), debug)
    except AutotinyError as error:
        return _report(str(error), error.exit_code, debug)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip()
        return _report(f"failed; {reason} (--debug shows where).", 1, debug)
    return result if isinstance(result, int) else 0


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"autotiny: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
