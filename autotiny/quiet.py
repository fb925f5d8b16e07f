"""Keeping native libraries from writing over what the user reads."""

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

_lock = threading.RLock()
#: What TensorFlow says of the machine when it is imported, and how it is told to say less later.
_GREETING = re.compile(
    r"([IW]0000 |WARNING: All log messages before absl::|To enable the following instructions: )"
)
LOG_LEVEL = ("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def captured_stderr() -> Iterator[Callable[[], str]]:
    """Send file descriptor 2 to a file; yields a function that returns what was printed since.

    Native code writes past ``sys.stderr``. Descriptors belong to the process, so this excludes
    other threads that want the same.
    """
    with _lock, tempfile.TemporaryFile() as file:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        position = 0

        def printed() -> str:
            nonlocal position
            file.seek(position)
            text = file.read()
            position += len(text)
            return text.decode("utf-8", "replace")

        try:
            yield printed
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextlib.contextmanager
def without_greeting() -> Iterator[None]:
    """Leave out what TensorFlow says on standard error when code that is not ours imports it.

    Everything else that was printed follows when that is done.
    """
    os.environ.setdefault(*LOG_LEVEL)
    text = ""
    try:
        with captured_stderr() as printed:
            try:
                yield
            finally:
                with contextlib.suppress(Exception):
                    sys.stderr.flush()
                text = printed()
    finally:
        lines = text.splitlines(keepends=True)
        sys.stderr.write("".join(line for line in lines if not _GREETING.match(line)))
