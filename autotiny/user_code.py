"""Code of the user's own that a command names: ``package.module:function``."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autotiny.errors import InputError
from autotiny.quiet import without_greeting


@contextmanager
def importable_here() -> Iterator[None]:
    """Let modules of the current directory be imported."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


def find_function(spec: str, what: str) -> Callable[..., object]:
    """Return the function that ``package.module:function`` names.

    Args:
        spec: As the user wrote it.
        what: What it gives, as in ``data``.

    Raises:
        InputError: If there is none.
    """
    module_name, _, function_name = spec.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), function_name)):
        raise InputError(
            f"A {what} function must be written package.module:function; got {spec!r}."
        )
    try:
        with without_greeting():
            module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{spec}: the module must be importable from here; got {one_line(error)}."
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        what = "no such name" if function is None else f"a {type(function).__name__}"
        raise InputError(
            f"{spec}: {function_name} must be a function in {module_name}; got {what}."
        )
    found: Callable[..., object] = function
    return found


def one_line(error: BaseException) -> str:
    """Return what went wrong in someone else's code, short and without line breaks."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
