"""Keeping native libraries from writing over what the user reads."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

_lock = threading.RLock()


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
